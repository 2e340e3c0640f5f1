"""HTTP of sources, which is what the generation before calls folders: the same operations under their older paths."""

from dataclasses import replace

from holdfast.files import routes
from holdfast.kit.routes import Endpoint, Router


def older(endpoint: Endpoint) -> Endpoint:
    """An operation of folders under its path of the generation before."""
    return replace(endpoint, path=endpoint.path.replace("/folders", "/sources"), deprecated=True, tag="sources")


router = Router("sources", endpoints=[older(endpoint) for endpoint in routes.router.endpoints])
