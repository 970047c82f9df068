"""Roles of outputs as the card has them, and what somebody says of them: name of an output -> its role.

An output of several columns has them all: "distances, scores".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgerun.heads.bound_outputs import Group

__all__ = ["agree", "claims_logits", "contradiction", "of_groups", "renamed"]

Roles = Mapping[str, str]


def of_groups(groups: Iterable[Group]) -> Roles:
    """The roles of all outputs."""
    found: dict[str, dict[str, None]] = {}
    for group in groups:
        for part in group.parts:
            found.setdefault(part.name, {})[part.role] = None  # an output of all strides has one in each group
    return {name: ", ".join(roles) for name, roles in found.items()}


def renamed(roles: Roles, before: str, after: str) -> dict[str, str]:
    """The same with another word for a role."""
    return {name: after if role == before else role for name, role in roles.items()}


def claims_logits(claimed: Roles) -> bool:
    """Whether somebody calls scores logits, which are before their sigmoid or softmax."""
    return any(role.endswith("logits") for role in claimed.values())


def agree(groups: Iterable[Group], claimed: Roles) -> bool:
    """Whether roles are those that somebody says, logits being scores here."""
    roles = of_groups(groups)
    return all(claimed.get(name, role).replace("logits", "scores") == role for name, role in roles.items())


def contradiction(roles: Roles, claimed: Roles) -> str:
    """Why roles that somebody gives to all outputs are not theirs; "" where they are, or where some have none."""
    for name, role in roles.items():
        if claimed.keys() >= roles.keys() and claimed[name] != role:
            return f"the `outputs` call {name} {claimed[name]}, but its shape and values are those of {role}"
    return ""
