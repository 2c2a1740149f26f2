"""Refusals of a call, with the status codes and texts that W&B is known to give."""

from graphql import GraphQLError

BAD_REQUEST, NOT_FOUND, CONFLICT = 400, 404, 409


class RefusalError(GraphQLError):
    """A call that the server refuses.

    Attributes:
        status: the status code of the answer.
    """

    def __init__(self, message: str, status: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def run_deleted(entity: str, project: str, id: str) -> RefusalError:
    """The answer to a run with the id of one that was deleted (W&B's issues 1192 and 4948)."""
    return RefusalError(f"run {entity}/{project}/{id} was previously created and deleted; try a new run name", CONFLICT)


def not_found(what: str) -> RefusalError:
    """The answer to a call for what doesn't exist."""
    return RefusalError(f"{what} not found", NOT_FOUND)
