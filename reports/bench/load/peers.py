"""Installs the clients that `run.py` compares: those of Debian as packages, the others below target/peers."""

import os
import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "target/peers"
# The versions of the table in README.md.
OHA, LOCUST, ARTILLERY = "1.16.0", "2.47.0", "2.0.21"
DEBIAN = {"wrk": "wrk", "h2load": "nghttp2-client", "hey": "hey", "nginx": "nginx-light", "floor": "gcc", "npm": "npm"}
PROGRAMS = {"floor": "cc"}


def on_path():
    """Makes what is installed below target/peers known to everything that is started from here."""
    places = [FOLDER / "oha/bin", FOLDER / "locust/bin", FOLDER / "artillery/node_modules/.bin"]
    os.environ["PATH"] = os.pathsep.join([*map(str, places), os.environ["PATH"]])


def install(names):
    """Installs those of these clients that are missing."""
    missing = [name for name in names if not is_there(PROGRAMS.get(name, name))]
    packages = [DEBIAN[name] for name in missing if name in DEBIAN]
    if "artillery" in missing and not is_there("npm"):
        packages.append(DEBIAN["npm"])
    if packages:
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "install", "--yes", "--no-install-recommends", *packages], check=True)
    if "oha" in missing:
        command = ["cargo", "install", "oha", "--locked", "--version", OHA, "--root", FOLDER / "oha"]
        subprocess.run(command, check=True)
    if "locust" in missing:
        venv = FOLDER / "locust"
        subprocess.run(["python3", "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", f"locust=={LOCUST}"], check=True)
    if "artillery" in missing:
        folder = FOLDER / "artillery"
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, f"artillery@{ARTILLERY}"]
        subprocess.run(command, check=True, env=environment)


def is_there(program):
    return shutil.which(program) or pathlib.Path("/usr/sbin", program).exists()
