"""The domain lab for faults: that of labs/domain with so many tunnels, its designated active chassis
revertive or not."""

import shutil

from clients import swanctl_conf, tunnels
from limits import Limits
from segwlab import ROOT

DOMAIN = ROOT / "labs/domain"
GATEWAY, NETWORK, CORE = "10.10.20.1", "10.2.2.0/24", "10.2.2.10"
DESIGNATED = "designated-role active"


def write(folder, count, revertive):
    """(topology file, limits) of a domain with `count` tunnels."""
    for file in DOMAIN.glob("*.*"):
        shutil.copy(file, folder)
    for file in folder.glob("*.cfg"):
        text = file.read_text()
        if revertive:
            text = text.replace(DESIGNATED, f"{DESIGNATED}\n                revertive true")
        file.write_text(text)
    (folder / "client.conf").write_text(swanctl_conf(tunnels(count), GATEWAY, NETWORK))
    return folder / "domain.yaml", Limits.of(folder / "a.cfg")
