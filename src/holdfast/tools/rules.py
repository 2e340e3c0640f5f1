"""Tool rules: what an agent may, must or cannot call next (CONTRACT §4.3). Data only; the loop gives them effect."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from holdfast.kit.entity import Shape


class Rule(Shape):
    """What every rule has; `prompt_template` is kept for clients that send one and has no effect."""

    tool_name: str
    prompt_template: str | None = None


class ToolCallNode(Shape):
    """Arguments that are filled in for a child tool."""

    name: str
    args: dict[str, Any] | None = None


class InitToolRule(Rule):
    """Until the first call only such tools can be called; `args` override the model's arguments."""

    type: Literal["run_first"] = "run_first"
    args: dict[str, Any] | None = None


class ChildToolRule(Rule):
    """After the tool, one of its children must be called."""

    type: Literal["constrain_child_tools"] = "constrain_child_tools"
    children: list[str]
    child_arg_nodes: list[ToolCallNode] | None = None

    @model_validator(mode="after")
    def _only_children_have_arguments(self) -> Self:
        for node in self.child_arg_nodes or ():
            if node.name not in self.children:
                raise ValueError(
                    f"child_arg_nodes names {node.name!r}, which is not one of the children {self.children}"
                )
        return self


class ParentToolRule(Rule):
    """The children can be called right after the tool only."""

    type: Literal["parent_last_tool"] = "parent_last_tool"
    children: list[str]


class ConditionalToolRule(Rule):
    """What the tool returned chooses the next tool."""

    type: Literal["conditional"] = "conditional"
    default_child: str | None = None
    child_output_mapping: Annotated[dict[str, str], Field(min_length=1)]
    require_output_mapping: bool = False


class MaxCountPerStepToolRule(Rule):
    """The tool disappears after so many uses in one request."""

    type: Literal["max_count_per_step"] = "max_count_per_step"
    max_count_limit: Annotated[int, Field(ge=0)]


class ContinueToolRule(Rule):
    """The loop never stops right after the tool."""

    type: Literal["continue_loop"] = "continue_loop"


class TerminalToolRule(Rule):
    """The loop stops after the tool."""

    type: Literal["exit_loop"] = "exit_loop"


class RequiredBeforeExitToolRule(Rule):
    """The loop cannot end before the tool was called."""

    type: Literal["required_before_exit"] = "required_before_exit"


class RequiresApprovalToolRule(Rule):
    """A person must approve each call."""

    type: Literal["requires_approval"] = "requires_approval"


ToolRule = Annotated[
    InitToolRule
    | ChildToolRule
    | ParentToolRule
    | ConditionalToolRule
    | MaxCountPerStepToolRule
    | ContinueToolRule
    | TerminalToolRule
    | RequiredBeforeExitToolRule
    | RequiresApprovalToolRule,
    Field(discriminator="type"),
]


def renamed(rule: ToolRule, old: str, new: str) -> ToolRule:
    """The rule as it is when a tool that it names has another name."""

    def now(name: str | None) -> str | None:
        return new if name == old else name

    sent = {**rule.model_dump(), "tool_name": now(rule.tool_name)}
    if isinstance(rule, ChildToolRule | ParentToolRule):
        sent["children"] = [now(child) for child in rule.children]
    if isinstance(rule, ChildToolRule) and rule.child_arg_nodes:
        sent["child_arg_nodes"] = [{"name": now(node.name), "args": node.args} for node in rule.child_arg_nodes]
    if isinstance(rule, ConditionalToolRule):
        sent["default_child"] = now(rule.default_child)
        sent["child_output_mapping"] = {said: now(child) for said, child in rule.child_output_mapping.items()}
    return type(rule).model_validate(sent)
