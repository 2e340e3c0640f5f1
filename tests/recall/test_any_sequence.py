"""Whatever happens to memories, in whatever order: rows, index and search agree; `make soak` goes on for longer."""

import pytest

from tests.harness.fleet import FreshServer
from tests.harness.tenants import new_org
from tests.recall.sequences import Changes


@pytest.mark.contract("passages.search.any-sequence")
def test_after_any_sequence_what_is_found_is_what_is_there(fresh_server: FreshServer) -> None:
    changes = Changes(new_org(fresh_server()), seed=11)
    changes.happen(40, cuts=1)
    changes.check()
