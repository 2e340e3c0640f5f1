"""Three small demonstrations of an agent that remembers: `python letta_example.py [memory|practical|multiuser]`."""

import sys
import tempfile
from pathlib import Path

from letta_agent import LettaOllamaAgent


def memory() -> None:
    """What is told once is known later; it can be looked up, summarised, saved and forgotten."""
    agent = LettaOllamaAgent(agent_name="MemoryDemo")
    user = "demo-memory"
    told = agent.add_memory("My favourite language is Python.", memory_type="preference", user_id=user)
    print(f"stored:      {told}")
    agent.add_memory("The server room is on the second floor.", memory_type="archival", user_id=user)
    print(f"answer:      {agent.chat('Hello! Which language do I like best?', user_id=user)}")
    print(f"without:     {agent.chat('And without looking anything up?', user_id=user, include_memory=False)}")
    for found in agent.search_memory("Python", limit=3, user_id=user):
        print(f"found:       {found['score']:.2f} {found['text']}")
    print(f"recently:    {len(agent.get_recent_context(user_id=user))} exchanges")
    summary = agent.get_memory_summary(user_id=user)
    print(f"summary:     {summary['agent_name']} on {summary['model']}, {summary['memories']} memories")
    print(f"consolidated: {agent.consolidate_memory(user_id=user)[:100]}")
    with tempfile.TemporaryDirectory() as folder:
        path = agent.save_conversation(str(Path(folder) / "my_conversation.json"), user_id=user)
        print(f"saved:       {Path(path).stat().st_size} bytes")
    print(f"forgotten:   {agent.clear_memory(user_id=user)} entries")


def practical() -> None:
    """A helper at work: notes, reminders and questions about them."""
    agent = LettaOllamaAgent(agent_name="PracticalDemo")
    user = "demo-practical"
    notes = {
        "note": "The staging database is restored from production every Monday.",
        "reminder": "Renew the TLS certificate before the end of the month.",
        "fact": "The build takes nine minutes on the old runner.",
    }
    for kind, text in notes.items():
        agent.add_memory(text, memory_type=kind, user_id=user)
    for question in ("When is staging restored?", "What must I not forget this month?"):
        print(f"you:   {question}")
        print(f"agent: {agent.chat(question, user_id=user)}")
        best = agent.search_memory(question, limit=1, user_id=user)
        print(f"       (nearest memory: {best[0]['text']})")
    agent.clear_memory(user_id=user)


def multiuser() -> None:
    """Two people, and neither hears of the other."""
    agent = LettaOllamaAgent(agent_name="MultiUserDemo")
    people = {"demo-alice": "My project is about machine learning.", "demo-bob": "My project is about web pages."}
    for user, says in people.items():
        print(f"{user}: {says}")
        print(f"  agent: {agent.chat(says, user_id=user)}")
        agent.add_memory(says, memory_type="fact", user_id=user)
    for user in people:
        found = agent.search_memory("project", user_id=user)
        others = [each for each in found if each["user_id"] != user]
        print(f"{user} finds {len(found)} memories of their own and {len(others)} of others")
    for user in people:
        agent.clear_memory(user_id=user)


DEMOS = {"memory": memory, "practical": practical, "multiuser": multiuser}


def main() -> None:
    chosen = sys.argv[1:] or list(DEMOS)
    if unknown := [name for name in chosen if name not in DEMOS]:
        sys.exit(f"There is no demo {unknown[0]!r}; there are: {', '.join(DEMOS)}.")
    for name in chosen:
        print(f"== {name}: {DEMOS[name].__doc__}")
        DEMOS[name]()
    print("done")


if __name__ == "__main__":
    main()
