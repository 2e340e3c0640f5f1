"""The memory service of Holdfast under the names that scripts for Open WebUI import."""
