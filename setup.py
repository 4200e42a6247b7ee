"""Puts `configs/`, which has its place beside the package, into what is built of it.

All else stands in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["rcjax*"]), "rcjax._configs"],
    package_dir={"rcjax._configs": "configs"},
)
