"""What a client can do for the model, named in the prompt of one request."""

from collections.abc import Sequence

from holdfast.kit.entity import Shape


class ClientSkill(Shape):
    """Something the client can do, listed in the prompt for one request."""

    name: str
    description: str
    location: str


def render_skills(skills: Sequence[ClientSkill]) -> str:
    lines = [f"- {skill.name}: {skill.description} ({skill.location})" for skill in skills]
    return "\n".join(["<available_skills>", *lines, "</available_skills>"])
