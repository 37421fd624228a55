"""Generated requests against a running service, judged by its own OpenAPI document.

schemathesis (schemathesis.readthedocs.io) makes requests that fit the document and requests that
do not, follows what answers name, and checks each answer: no server error, documented status,
media type, headers and body, wrong data refused, right data taken, other methods 405, nothing
without a key, deleted things gone. All its checks are on.
"""

from __future__ import annotations

import pytest

from tests.api.generated import DISCOVERIES, EVERY_KIND, prepare, schemathesis
from tests.api.running import Running
from tests.api.test_access import make_key

pytestmark = [pytest.mark.timeout(900)]
PHASES = "examples,coverage,fuzzing"
SHORT, LONG = "2", "12"
"""Random requests of each kind; the short form covers the settings of discoveries only."""

short_and_long = pytest.mark.parametrize(
    "examples",
    [pytest.param(SHORT, marks=pytest.mark.slow), pytest.param(LONG, marks=pytest.mark.long)],
)
ANY = {"keys_required": "true", "rate_per_s": 10_000, "wrong_keys": 100_000, "most_wait_s": 0.1}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service that asks for keys, and is seldom too busy to judge a request.

    The jobs that it is sent by the hundred run on what time nobody else wants.
    """
    running = Running(tmp_path_factory.mktemp("fuzzed") / "data", worker_nice=15, **ANY)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def config(guarded, tmp_path_factory):
    """The configuration, with a key and the ids of things that are there."""
    key = make_key(guarded, "ann", "--scopes", "admin")
    folder = tmp_path_factory.mktemp("schemathesis")
    with guarded.client(key) as falcon:
        prepare(folder, falcon, f'Authorization = "Bearer {key}"')
    return folder


@short_and_long
def test_generated_requests_are_answered_as_documented(config, examples):
    """Deleting comes later, as it would delete what the others look at."""
    of = ("--phases", PHASES, "--max-examples", examples)
    document = EVERY_KIND if examples == LONG else DISCOVERIES
    found = schemathesis(config, *of, "--exclude-method", "DELETE", document=document)
    assert "Tested: 66" in found


@short_and_long
def test_chains_of_requests_are_answered_as_documented(guarded, config, examples):
    of = ("--max-examples", examples)
    schemathesis(config, "--phases", PHASES, *of, "--include-method", "DELETE")
    schemathesis(config, "--phases", "stateful", *of)
    assert guarded.http.get("/health/ready").status_code == 200
    log = guarded.log.read_text()
    assert "Traceback" not in log, log[-3000:]
