"""What is shown of a thread's agent: loaded from the server when it is opened, and sent back when it is saved."""

from contextlib import contextmanager

from odoo import _, fields, models
from odoo.addons.holdfast_memory.client import activity, memory, settings
from odoo.addons.holdfast_memory.client.http import HoldfastError
from odoo.exceptions import AccessError, UserError

SETTINGS = ("temperature", "max_tokens", "context_window")


@contextmanager
def told():
    """Errors of the server as Odoo shows them."""
    try:
        yield
    except HoldfastError as failed:
        raise UserError(str(failed)) from None


class HoldfastMemoryPanel(models.TransientModel):
    _name = "holdfast.memory.panel"
    _description = "Memory of an LLM thread"

    thread_id = fields.Many2one("llm.thread", required=True, readonly=True, ondelete="cascade")
    name = fields.Char(string="Agent", readonly=True)
    model = fields.Char(readonly=True)
    temperature = fields.Float()
    max_tokens = fields.Integer(string="Longest answer (tokens)")
    context_window = fields.Integer(string="Context window (tokens)")
    loaded = fields.Json(readonly=True)
    block_ids = fields.One2many("holdfast.memory.block", "panel_id", string="Memory blocks")
    available_ids = fields.One2many("holdfast.memory.available", "panel_id", string="Blocks of other threads")
    call_ids = fields.One2many("holdfast.memory.call", "panel_id", string="Tool calls")
    step_ids = fields.One2many("holdfast.memory.step", "panel_id", string="Model calls")
    prompt_tokens = fields.Integer(readonly=True)
    completion_tokens = fields.Integer(readonly=True)
    total_tokens = fields.Integer(readonly=True)

    def action_load(self):
        """Replaces everything by what the server has now."""
        server, agent = self.thread_id._holdfast_agent()
        with told():
            found = settings.read(server, agent)
            blocks = memory.blocks(server, agent)
            available = memory.available(server, agent, self.thread_id._holdfast_others())
            calls, steps = activity.tool_calls(server, agent), activity.usage(server, agent)
        self.write(
            {**found, "loaded": found, **{count: sum(step[count] for step in steps) for count in activity.COUNTS}}
        )
        for lines, rows in (
            ("block_ids", blocks),
            ("available_ids", available),
            ("call_ids", calls),
            ("step_ids", steps),
        ):
            self[lines].unlink()
            self[lines].create([{**self[lines]._of_server(row), "panel_id": self.id} for row in rows])
        return self._shown()

    def action_save(self):
        """Sends the settings and blocks that were changed here, and the blocks that were added."""
        self._must_edit()
        server, agent = self.thread_id._holdfast_agent()
        with told():
            settings.change(server, agent, self.loaded, {name: self[name] for name in SETTINGS})
            for block in self.block_ids:
                block._save_to(server, agent)
        return self.action_load()

    def action_inspect(self):
        """Opens the server's own pages, or those that the system parameter names."""
        server, agent = self.thread_id._holdfast_agent()
        with told():
            pages = self.env["ir.config_parameter"].sudo().get_param("holdfast_memory.web_url") or server.root
        return {"type": "ir.actions.act_url", "url": pages.replace("{agent}", agent), "target": "new"}

    def _must_edit(self):
        if not self.env.user.has_group("holdfast_memory.group_editor"):
            raise AccessError(_("Changing an agent's memory needs the group “Holdfast: edit memory”."))

    def _shown(self):
        return {
            "type": "ir.actions.act_window",
            "name": _("Memory"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }
