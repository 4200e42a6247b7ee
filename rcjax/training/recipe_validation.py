"""Checks of the fields that say how to train: optimizer, schedule, augmentation.

A field that the chosen optimizer or schedule does not read must stand at its default: setting it
would promise something that nothing keeps.
"""

from collections.abc import Mapping
from typing import Any

from rcjax.config import RUN_FIELDS
from rcjax.errors import UserError
from rcjax.training.optimizer import OPTIMIZER_FIELDS
from rcjax.training.schedules import SCHEDULE_FIELDS

CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": tuple(OPTIMIZER_FIELDS),
    "schedule": tuple(SCHEDULE_FIELDS),
}
_BELOW_ONE = ("momentum", "beta1", "beta2", "decay_rate")


def check_recipe(fields: Mapping[str, Any]) -> None:
    """Checks what a single field's type, range and choices do not tell.

    Args:
        fields: the config's fields by dotted name, their types and ranges checked.

    Raises:
        UserError: the first field that is wrong, and how to mend it.
    """
    for name in _BELOW_ONE:
        if not 0 <= fields[name] < 1:
            raise UserError(
                f"config field {name} must be at least 0 and below 1, got {fields[name]}"
            )
    _check_unread(fields, "optimizer", OPTIMIZER_FIELDS)
    _check_unread(fields, "schedule", SCHEDULE_FIELDS)
    if fields["nesterov"] and fields["momentum"] == 0:
        raise UserError("config field nesterov does nothing with momentum = 0; set one of them")
    if fields["sam_radius"] <= 0:
        raise UserError(f"config field sam_radius must be positive, got {fields['sam_radius']}")
    if fields["mixup"] and fields["cutmix"]:
        raise UserError("config fields mixup and cutmix exclude each other; set one of them to 0")
    _check_schedule(fields)


def _check_unread(
    fields: Mapping[str, Any], choice: str, read_by: Mapping[str, tuple[str, ...]]
) -> None:
    chosen = fields[choice]
    for name in dict.fromkeys(name for names in read_by.values() for name in names):
        default = RUN_FIELDS[name].default
        if name in read_by[chosen] or fields[name] == default:
            continue
        readers = ", ".join(other for other, names in read_by.items() if name in names)
        shown = f"at {default}" if default != () else "empty"
        raise UserError(
            f"config field {name} = {fields[name]} does nothing with {choice} = {chosen}: "
            f"leave it {shown}, or choose {readers}"
        )


def _check_schedule(fields: Mapping[str, Any]) -> None:
    schedule = fields["schedule"]
    needed = {
        "step": "schedule_step_epochs",
        "multi_step": "schedule_milestones",
        "exponential": "schedule_factor",
        "cosine_warm_restarts": "schedule_restart_epochs",
    }.get(schedule)
    if needed and not fields[needed]:
        raise UserError(f"config field {needed} must be set with schedule = {schedule}")
    marks = list(fields["schedule_milestones"])
    if marks != sorted(set(marks)) or min(marks, default=1) < 1:
        raise UserError(
            f"config field schedule_milestones must be epochs from 1 on that rise, got {marks}"
        )
    if fields["schedule_final_rate"] > fields["learning_rate"]:
        raise UserError(
            "config field schedule_final_rate must be at most the learning_rate, "
            f"{fields['learning_rate']}, got {fields['schedule_final_rate']}"
        )
    if schedule == "one_cycle" and fields["epochs"] - fields["warmup_epochs"] == 1:
        raise UserError(
            "schedule = one_cycle needs at least 2 epochs after the warm-up, got 1, which it would "
            "train at its last rate, learning_rate / 250000; raise epochs or choose cosine"
        )
    if fields["warmup_epochs"] >= fields["epochs"] > 0:
        raise UserError(
            f"config field warmup_epochs must be below the {fields['epochs']} epochs, got "
            f"{fields['warmup_epochs']}"
        )
