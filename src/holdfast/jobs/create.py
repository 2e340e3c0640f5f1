"""Recording a batch: all of its requests, or none."""

from holdfast.agents import store as agents
from holdfast.auth.model import Who
from holdfast.batches import store
from holdfast.batches.model import Batch, BatchItem
from holdfast.jobs.requests import BatchRequest, CreateBatch
from holdfast.kit.ids import new_id
from holdfast.messages.requests import MessageCreate, parts_of
from holdfast.store.table import Tx


def create(tx: Tx, who: Who, sent: CreateBatch) -> Batch:
    """Store the requests for whoever works on them; an unknown agent or an empty message refuses them all."""
    agents.rows.each(tx, who, [request.agent_id for request in sent.requests])
    for item in (item for request in sent.requests for item in request.items):
        if isinstance(item, MessageCreate):
            parts_of(item.content)
    batch = Batch(
        id=new_id("job"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        callback_url=sent.callback_url,
        sender={"scopes": sorted(who.scopes), "key_id": who.key_id},
    )
    return store.insert(tx, batch, [_item(batch, *each) for each in enumerate(sent.requests)])


def _item(batch: Batch, position: int, request: BatchRequest) -> BatchItem:
    return BatchItem(
        id=new_id("batch_item"),
        organization_id=batch.organization_id,
        created_by_id=batch.created_by_id,
        last_updated_by_id=batch.created_by_id,
        batch_id=batch.id,
        position=position,
        agent_id=request.agent_id,
        request=request.model_dump(mode="json", exclude={"agent_id"}, exclude_unset=True),
    )
