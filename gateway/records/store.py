"""The records as the gateway and the command line use them, in one object."""

from gateway.records.admins import AdminRecords
from gateway.records.audit import AuditRecords
from gateway.records.changes import ChangeRecords
from gateway.records.keys import KeyRecords
from gateway.records.limits import LimitRecords
from gateway.records.tenants import TenantRecords


class Records(TenantRecords, KeyRecords, LimitRecords, AdminRecords, AuditRecords, ChangeRecords):
    """`Records(url, actor="cli:alice")`: tenants, keys, limits and admins, each change audited."""
