"""Checks manifests against the schemas of Kubernetes and the Prometheus Operator, strictly: no
property that these do not know. Run by the interpreter that has them.

    kubernetes_schemas.py FILE...
"""
import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

# The oldest and the newest that clusters are likely to have.
VERSIONS = ["1.29", "1.37"]


def check(document):
    if document["apiVersion"].startswith("monitoring.coreos.com/"):
        getattr(operator, document["kind"]).model_validate(document, extra="forbid")
        return
    for version in VERSIONS:
        used = kubernetes_validate.validate(document, version, strict=True)
        assert used.startswith(version), f"{version} is not there, {used} is"


def main():
    faults = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                try:
                    check(document)
                except Exception as wrong:  # of two libraries
                    print(f"{path}: {wrong}")
                    faults += 1
    return 1 if faults else 0


sys.exit(main())
