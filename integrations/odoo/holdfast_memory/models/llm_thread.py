"""Which agent of which server a thread of `llm_letta` is."""

from odoo import _, models
from odoo.addons.holdfast_memory.client.http import Connection
from odoo.exceptions import AccessError, UserError

FIELDS = {
    "holdfast_memory.agent_field": "external_id",
    "holdfast_memory.provider_field": "provider_id",
    "holdfast_memory.url_field": "api_base",
    "holdfast_memory.key_field": "api_key",
}
"""System parameters, and the names that the fields of `llm_letta` have where they are not set."""
MOST_OTHERS = 50


class LLMThread(models.Model):
    _inherit = "llm.thread"

    def action_holdfast_memory(self):
        """Opens what the agent of this thread remembers, has done and is set to."""
        self.ensure_one()
        panel = self.env["holdfast.memory.panel"].create({"thread_id": self.id})
        return panel.action_load()

    def _holdfast_agent(self):
        """The server and the agent's id there, for those who may read the thread."""
        self.ensure_one()
        if not self.search_count([("id", "=", self.id)]):
            raise AccessError(_("This thread is not yours to read."))
        thread = self.sudo()
        agent, provider = thread._holdfast_value("agent_field"), thread._holdfast_value("provider_field")
        if not agent or not provider:
            raise UserError(_("This thread has no agent yet. Choose a Letta provider and send a first message."))
        return Connection(
            self._holdfast_value("url_field", provider), self._holdfast_value("key_field", provider)
        ), agent

    def _holdfast_others(self):
        """The agents of the newest other threads with the same provider that the user may read."""
        agent, provider = self._holdfast_name("agent_field"), self._holdfast_name("provider_field")
        same = [("id", "!=", self.id), (agent, "!=", False), (provider, "=", self.sudo()[provider].id)]
        return self.search(same, limit=MOST_OTHERS, order="id desc").sudo().mapped(agent)

    def _holdfast_value(self, setting, record=None):
        record = self if record is None else record
        return record[self._holdfast_name(setting, record)]

    def _holdfast_name(self, setting, record=None):
        """What a field of `llm_letta` is called in the installed version."""
        record = self if record is None else record
        parameter = f"holdfast_memory.{setting}"
        name = self.env["ir.config_parameter"].sudo().get_param(parameter) or FIELDS[parameter]
        if name not in record._fields:
            raise UserError(
                _("%(model)s has no field %(name)s. Set the system parameter %(parameter)s to the field's name.")
                % {"model": record._name, "name": name, "parameter": parameter}
            )
        return name
