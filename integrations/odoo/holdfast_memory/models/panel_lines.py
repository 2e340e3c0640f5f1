"""The lines of a panel: memory blocks, blocks of other threads, tool calls and model calls."""

from pathlib import Path

from lxml import etree
from odoo import _, fields, models
from odoo.addons.holdfast_memory.client import memory
from odoo.exceptions import UserError

from .panel import told

LISTS = Path(__file__).parent.parent / "views" / "lists"


class HoldfastMemoryLine(models.AbstractModel):
    """Lists are `tree` in Odoo 17 and `list` since, so one file cannot be a view of both; each has its own method."""

    _name = "holdfast.memory.line"
    _description = "Line about the agent of an LLM thread"

    panel_id = fields.Many2one("holdfast.memory.panel", required=True, ondelete="cascade")
    external_id = fields.Char(string="Id", readonly=True)

    def _get_default_list_view(self):
        return etree.parse(str(LISTS / f"{self._name}.xml")).getroot()

    def _get_default_tree_view(self):
        arch = self._get_default_list_view()
        arch.tag = "tree"
        return arch

    def _of_server(self, row):
        """The fields of a row, whose id is the server's."""
        return {("external_id" if name == "id" else name): value for name, value in row.items()}


class HoldfastMemoryBlock(models.TransientModel):
    _name = "holdfast.memory.block"
    _inherit = "holdfast.memory.line"
    _description = "Memory block of an LLM thread"
    _rec_name = "label"

    loaded = fields.Json(readonly=True)
    label = fields.Char(required=True)
    value = fields.Text()
    description = fields.Text()
    limit = fields.Integer(string="Characters at most")
    read_only = fields.Boolean(string="Read-only for the agent")
    shared_with = fields.Char(readonly=True)

    def _of_server(self, row):
        return {**super()._of_server(row), "loaded": row, "shared_with": ", ".join(row["shared_with"])}

    def _save_to(self, server, agent):
        """Sends what was edited, or the whole block when it is new."""
        edited = {"value": self.value or "", "description": self.description or "", "read_only": self.read_only}
        if self.external_id:
            memory.change(server, agent, self.loaded, {**edited, "limit": self.limit or self.loaded["limit"]})
        else:
            memory.create(server, agent, {**edited, "label": self.label, "limit": self.limit or None})

    def action_detach(self):
        """Takes the block from this agent; others that hold it keep it."""
        self.panel_id._must_edit()
        server, agent = self.panel_id.thread_id._holdfast_agent()
        with told():
            memory.detach(server, agent, self.external_id)
        return self.panel_id.action_load()


class HoldfastMemoryAvailable(models.TransientModel):
    _name = "holdfast.memory.available"
    _inherit = "holdfast.memory.line"
    _description = "Memory block that an LLM thread could share"
    _rec_name = "label"

    label = fields.Char(readonly=True)
    value = fields.Text(readonly=True)
    description = fields.Text(readonly=True)
    limit = fields.Integer(string="Characters at most", readonly=True)
    read_only = fields.Boolean(string="Read-only for the agent", readonly=True)

    def action_attach(self):
        """Lets this agent share the block, when it is one of a thread that the user may read."""
        self.panel_id._must_edit()
        thread = self.panel_id.thread_id
        server, agent = thread._holdfast_agent()
        with told():
            offered = {block["id"] for block in memory.available(server, agent, thread._holdfast_others())}
            if self.external_id not in offered:
                raise UserError(_("This block can no longer be shared. Load the memory again."))
            memory.attach(server, agent, self.external_id)
        return self.panel_id.action_load()


class HoldfastMemoryCall(models.TransientModel):
    _name = "holdfast.memory.call"
    _inherit = "holdfast.memory.line"
    _description = "Tool call of an LLM thread"

    called_at = fields.Char(string="When", readonly=True)
    name = fields.Char(string="Tool", readonly=True)
    arguments = fields.Text(readonly=True)
    returned = fields.Text(readonly=True)
    printed = fields.Text(readonly=True)
    status = fields.Char(readonly=True)


class HoldfastMemoryStep(models.TransientModel):
    _name = "holdfast.memory.step"
    _inherit = "holdfast.memory.line"
    _description = "Model call of an LLM thread"
    _rec_name = "model"

    model = fields.Char(readonly=True)
    status = fields.Char(readonly=True)
    prompt_tokens = fields.Integer(readonly=True)
    completion_tokens = fields.Integer(readonly=True)
    total_tokens = fields.Integer(readonly=True)
