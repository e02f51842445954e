"""What a caller may do with what it asks for."""

from gateway.data.routes import Route
from gateway.errors import PermissionMissing
from gateway.permissions import Grants, Permission, may, may_everywhere, may_see, may_somewhere

# Outside its grants such a request tells nothing of which models exist: all are refused alike.
_NEVER_HIDDEN = frozenset({Permission.REPOSITORY_LOAD, Permission.TRACE})


def authorize(route: Route, grants: Grants) -> bool:
    """Whether the caller may know of the route's model; raises PermissionMissing.

    False is for the caller to learn what it would of a model that does not exist.
    """
    permission = route.permission
    if permission is None:
        return True
    if route.model:
        if may(grants, permission, route.model):
            return True
        if permission not in _NEVER_HIDDEN and not may_see(grants, route.model):
            return False
    elif _is_allowed_on_server(route, permission, grants):
        return True
    raise PermissionMissing(
        f"This key lacks the permission {permission} here; ask the operator of this gateway for it."
    )


def _is_allowed_on_server(route: Route, permission: Permission, grants: Grants) -> bool:
    if route.is_list or permission is Permission.METADATA:
        return may_somewhere(grants, permission)
    return may_everywhere(grants, permission)
