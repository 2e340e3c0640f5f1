"""What runs inside a sandbox, with nothing but Python's own library: it confines itself, runs one program and tells."""
