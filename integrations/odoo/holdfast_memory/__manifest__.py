# The version has no series in front (18.0.…): Odoo puts the one that it runs there, 17, 18 or 19.
{  # noqa: B018 -- Odoo reads this expression
    "name": "Holdfast Memory",
    "summary": "Memory blocks, tool calls, usage and settings of the agents behind LLM threads",
    "version": "1.0.0",
    "category": "Productivity",
    "author": "The Holdfast authors",
    "license": "Other OSI approved licence",
    "depends": ["llm_letta"],
    "data": [
        "security/groups.xml",
        "security/ir.model.access.csv",
        "views/panel_views.xml",
        "views/thread_actions.xml",
    ],
}
