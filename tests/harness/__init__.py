"""What tests run against: real servers, a real PostgreSQL and pooler, a scripted model server."""
