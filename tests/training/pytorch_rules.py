"""PyTorch's optimizers and schedules on a small problem; writes and checks pytorch_rules.json.

    python -m tests.training.pytorch_rules

Needs PyTorch. The tests of the same problem in rcjax read the file, and need nothing.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix(".json")
RATES = (0.3, 0.3, 0.1, 0.1, 0.05)
DECAY = 0.01
# By case: the optimizer's name in rcjax, its fields there, its class and arguments in PyTorch.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "sgd": ("sgd", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "sgd without momentum": ("sgd", {"momentum": 0.0}, "SGD", {}),
    "sgd with nesterov": (
        "sgd", {"momentum": 0.8, "nesterov": True}, "SGD", {"momentum": 0.8, "nesterov": True},
    ),
    "adam": ("adam", {}, "Adam", {}),
    "adam with other numbers": (
        "adam", {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3},
        "Adam", {"betas": (0.8, 0.9), "eps": 1e-3},
    ),
    "adamw": ("adamw", {}, "AdamW", {}),
    "adagrad": ("adagrad", {}, "Adagrad", {}),
    "adagrad with epsilon": ("adagrad", {"epsilon": 1e-2}, "Adagrad", {"eps": 1e-2}),
    "rmsprop": ("rmsprop", {}, "RMSprop", {}),
    "rmsprop with other numbers": (
        "rmsprop", {"decay_rate": 0.9, "epsilon": 1e-2}, "RMSprop", {"alpha": 0.9, "eps": 1e-2},
    ),
    "adadelta": ("adadelta", {}, "Adadelta", {}),
    "adadelta with other numbers": (
        "adadelta", {"decay_rate": 0.5, "epsilon": 1e-2}, "Adadelta", {"rho": 0.5, "eps": 1e-2},
    ),
    # PyTorch has no SAM: its two gradients are written out, and its SGD takes the step.
    "sam": (
        "sam", {"momentum": 0.9, "sam_radius": 0.2}, "SGD", {"momentum": 0.9},
    ),
}  # fmt: skip
BASE, EPOCHS = 0.1, 12
# By case: fields of rcjax, and PyTorch's class and arguments.
SCHEDULES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "constant": ({"name": "constant"}, "ConstantLR", {"factor": 1.0}),
    "cosine": ({"name": "cosine"}, "CosineAnnealingLR", {"T_max": EPOCHS}),
    "cosine with a final rate": (
        {"name": "cosine", "final_rate": 0.02},
        "CosineAnnealingLR", {"T_max": EPOCHS, "eta_min": 0.02},
    ),
    "cosine after a warm-up": (
        {"name": "cosine", "warmup_epochs": 3}, "CosineAnnealingLR", {"T_max": EPOCHS - 3},
    ),
    "step": (
        {"name": "step", "step_epochs": 5, "factor": 0.3},
        "StepLR", {"step_size": 5, "gamma": 0.3},
    ),
    "step after a warm-up": (
        {"name": "step", "step_epochs": 5, "factor": 0.3, "warmup_epochs": 2},
        "StepLR", {"step_size": 5, "gamma": 0.3},
    ),
    "multi_step": (
        {"name": "multi_step", "milestones": (2, 7)}, "MultiStepLR", {"milestones": [2, 7]},
    ),
    "exponential": ({"name": "exponential", "factor": 0.8}, "ExponentialLR", {"gamma": 0.8}),
    "one_cycle": (
        {"name": "one_cycle"}, "OneCycleLR", {"max_lr": BASE, "total_steps": EPOCHS},
    ),
    "cosine_warm_restarts": (
        {"name": "cosine_warm_restarts", "restart_epochs": 5, "final_rate": 0.01},
        "CosineAnnealingWarmRestarts", {"T_0": 5, "eta_min": 0.01},
    ),
    "cosine_warm_restarts that grow": (
        {"name": "cosine_warm_restarts", "restart_epochs": 3, "restart_multiplier": 2},
        "CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2},
    ),
}  # fmt: skip


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs [12, 4], labels [12], weight [4, 3] and bias [3] of softmax regression, float64.

    Gradients of the third row of the weight are small, where epsilon counts; the last row's are 0
    but for weight decay.
    """
    random = np.random.default_rng(0)
    inputs = random.normal(size=(12, 4)) * [1.0, 1.0, 1e-7, 0.0]
    return inputs, random.integers(0, 3, 12), random.normal(size=(4, 3)), random.normal(size=3)


def train_with_pytorch(case: str) -> dict[str, Any]:
    """Losses before each step, and the parameters after the last."""
    import torch

    name, fields, kind, arguments = OPTIMIZERS[case]
    inputs, labels, *start = (torch.from_numpy(array) for array in problem())
    weight, bias = (torch.nn.Parameter(array) for array in start)
    optimizer = getattr(torch.optim, kind)([weight, bias], lr=1, weight_decay=DECAY, **arguments)

    def gradients() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(inputs @ weight + bias, labels)
        loss.backward()
        return loss.item()

    losses = []
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        losses.append(gradients())
        if name == "sam":
            ascend_and_return(gradients, [weight, bias], fields["sam_radius"])
        optimizer.step()
    return {"losses": losses, "weight": weight.tolist(), "bias": bias.tolist()}


def ascend_and_return(gradients: Any, parameters: list[Any], radius: float) -> None:
    """Leaves the gradients of the point `radius` up the slope in the parameters' `grad`."""
    import torch

    with torch.no_grad():
        norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters))
        kept = [p.clone() for p in parameters]
        for parameter in parameters:
            parameter += radius * parameter.grad / norm
    gradients()
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)


def rates_of_pytorch(case: str) -> list[float]:
    """Of the epochs, in order."""
    import torch
    from torch.optim import lr_scheduler

    fields, kind, arguments = SCHEDULES[case]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    if kind == "OneCycleLR":
        arguments = {**arguments, "cycle_momentum": False}
    schedule = getattr(lr_scheduler, kind)(optimizer, **arguments)
    if warmup := fields.get("warmup_epochs"):
        rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
        schedule = lr_scheduler.SequentialLR(optimizer, [rise, schedule], [warmup])
    rates = []
    for _ in range(EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def everything() -> dict[str, Any]:
    """The content of the file."""
    import torch

    return {
        "source": f"PyTorch {torch.__version__}, float64: python -m tests.training.pytorch_rules",
        "optimizers": {case: train_with_pytorch(case) for case in OPTIMIZERS},
        "schedules": {case: rates_of_pytorch(case) for case in SCHEDULES},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(everything(), indent=1) + "\n")
