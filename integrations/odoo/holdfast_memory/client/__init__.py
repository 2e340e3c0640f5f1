"""What the add-on asks of a Holdfast server. Nothing here knows Odoo, and nothing beyond Python is needed."""
