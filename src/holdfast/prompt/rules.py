"""Tool rules as sentences, for models that do better when they are told."""

from collections.abc import Sequence

from holdfast.tools.rules import (
    ChildToolRule,
    ConditionalToolRule,
    ContinueToolRule,
    InitToolRule,
    MaxCountPerStepToolRule,
    ParentToolRule,
    RequiredBeforeExitToolRule,
    RequiresApprovalToolRule,
    TerminalToolRule,
    ToolRule,
)


def render_rules(rules: Sequence[ToolRule]) -> str:
    sentences = [said for rule in rules if (said := sentence(rule))]
    if not sentences:
        return ""
    return "\n".join(["<tool_usage_rules>", *(f"- {said}" for said in sentences), "</tool_usage_rules>"])


def sentence(rule: ToolRule) -> str:
    """What a rule means for the model."""
    name = rule.tool_name
    match rule:
        case InitToolRule():
            return f"{name} must be the first tool that you call."
        case ChildToolRule():
            return f"After {name}, call one of: {', '.join(rule.children)}."
        case ParentToolRule():
            return f"Only right after {name} can you call: {', '.join(rule.children)}."
        case ConditionalToolRule():
            return f"What {name} returns decides which tool you can call next."
        case MaxCountPerStepToolRule():
            return f"{name} can be called {rule.max_count_limit} times in one response at most."
        case ContinueToolRule():
            return f"Your turn goes on after {name}."
        case TerminalToolRule():
            return f"Your turn ends after {name}."
        case RequiredBeforeExitToolRule():
            return f"{name} must be called before your turn can end."
        case RequiresApprovalToolRule():
            return f"{name} waits until a person has approved the call."
