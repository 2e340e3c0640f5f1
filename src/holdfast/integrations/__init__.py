"""What other programs import: clients of a Holdfast that runs elsewhere, without any of the server's own code."""
