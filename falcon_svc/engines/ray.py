"""Attempts as submissions to a Ray cluster, by Ray Jobs.

A submission's id is the job's id and the attempt's number, and Ray refuses an id that it has: an
attempt whose submission may or may not have arrived is sent again until Ray shows it, and runs
once. Ray's list is all that is remembered, so that a supervisor that takes over goes on where the
last one stopped; a submission that has ended leaves the list once it was told. A task that a
cluster does not list is gone: its head was lost, and everything with it. While nothing answers,
nothing is known to be gone, and nothing starts.

On a node, `falcon_svc.engines.node` runs the attempt as a child process under the same rules as on
one machine. A token (RAY_AUTH_MODE, RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH) is read by Ray's client.
Source: docs.ray.io, "Ray Jobs Python SDK" and "Ray token authentication".
"""

from __future__ import annotations

import logging
import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from falcon_svc.engines.base import WORKER, Ended, Task, installation
from falcon_svc.errors import MissingExtraError
from falcon_svc.settings import SECRETS, Settings

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

POLL_S = 1.0
STOP_AGAIN_S = 5.0
REMEMBERED_S = 600.0  # that a submission was deleted
TIMEOUT_S = 5.0
LOGGED = 1_000  # characters of what Ray says; its end tells most
NODE = "falcon_svc.engines.node"
OURS = "falcon_installation"
_ID = re.compile(r"^(\w+)-(\d+)$")
_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """The cluster did not answer, or not as it should."""


class RayEngine:
    """Submissions to a cluster, at most `settings.slots` at once.

    Parameters
    ----------
    settings
        Address and what each job is to get.
    worker
        Module that a node's child runs.
    clock
        Monotonic seconds.

    Raises
    ------
    MissingExtraError
        Ray is not installed.

    Examples
    --------
    With a cluster at that address::

        engine = RayEngine(Settings(engine="ray", ray_address="http://head:8265"))
        engine.start(Task("job", "job_01", 1, device="cuda"))
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker: str = WORKER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            import ray.job_submission  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("ray", extra="ray", purpose="FALCON_ENGINE=ray") from error
        self._settings, self._worker, self._clock = settings, worker, clock
        self._client: JobSubmissionClient | None = None
        self._listed: dict[Task, bool] = {}  # whether it has begun
        self._unsent: set[Task] = set()
        self._stopping: dict[Task, float] = {}
        self._heard = False  # ever
        self._answers: bool | None = None  # the last time
        self._polled = -POLL_S
        self._deleted: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The data directory: there is one supervisor of it, on whatever machine."""
        return f"ray:{installation(self._settings)}"

    @property
    def tasks(self) -> frozenset[Task]:
        """What the cluster listed last, and what it was not sent for sure."""
        return frozenset(self._listed.keys() | self._unsent) - self._dropped()

    @property
    def waiting(self) -> frozenset[Task]:
        """Submissions that no node has room for yet."""
        return frozenset(task for task, begun in self._listed.items() if not begun) | self._unsent

    def devices(self) -> frozenset[str]:
        """Return the devices that some node has room for, were it empty."""
        wanted = {"cpu": 0.0, "auto": self._settings.ray_gpus, "cuda": self._settings.ray_gpus}
        if self._settings.ray_gpus == 0:
            del wanted["cuda"]
        nodes = [] if self._settings.ray_autoscales else self._nodes()
        return frozenset(d for d, gpus in wanted.items() if not nodes or self._fits(gpus, nodes))

    def _nodes(self) -> list[dict[str, float]]:
        """Return what each living node has in all; nothing if the cluster does not answer."""
        from ray.util.state import list_nodes

        living, address = [("state", "=", "ALIVE")], self._settings.ray_address
        try:
            nodes = self._ask(lambda _: list_nodes(address, living, timeout=TIMEOUT_S))
        except NoAnswer as error:
            _log.warning("Ray does not tell its nodes: %s", error)
            return []
        return [node.resources_total for node in nodes]

    def _fits(self, gpus: float, nodes: list[dict[str, float]]) -> bool:
        memory = self._settings.worker_memory_bytes or 0
        least = {"CPU": self._settings.ray_cpus, "GPU": gpus, "memory": memory}
        return any(all(node.get(k, 0) >= n for k, n in least.items()) for node in nodes)

    def make_way(self, *, needed: bool) -> None:
        """Do nothing: nodes have processors of their own for each job."""

    def has_room(self, device: str) -> bool:
        """Whether a slot is free; the cluster itself lets a submission wait for its device."""
        return bool(self._answers) and len(self.tasks) < self._settings.slots

    def start(self, task: Task) -> None:
        """Submit a task; if that fails, it is submitted again with the next look."""
        self._unsent.add(task)
        self._submit(task)

    def _submit(self, task: Task) -> None:
        settings = self._settings
        told = {k: v for k, v in settings.environment().items() if k not in SECRETS}
        device = "cpu" if settings.ray_gpus == 0 else task.device
        command = ["exec", "python", "-m", NODE, self._worker]
        submission = {
            "submission_id": _id(task),
            "entrypoint": shlex.join([*command, task.kind, task.id, str(task.number), device]),
            "runtime_env": {"env_vars": told},
            "metadata": {OURS: installation(settings)},
            "entrypoint_num_cpus": settings.ray_cpus,
            "entrypoint_num_gpus": 0 if device == "cpu" else settings.ray_gpus,
            "entrypoint_memory": settings.worker_memory_bytes or 0,
        }
        try:
            self._ask(lambda client: client.submit_job(**submission))
        except NoAnswer as error:
            _log.warning("the submission of %s is tried again: %s", _id(task), error)
            return
        self._unsent.discard(task)
        self._listed[task] = False

    def stop(self, task: Task) -> None:
        """Ask the cluster for a task's end, now and then until it has come."""
        now = self._clock()
        lately = now - self._stopping.get(task, -STOP_AGAIN_S) < STOP_AGAIN_S
        if task not in self.tasks or not self._answers or lately:
            return
        try:
            self._ask(lambda client: client.stop_job(_id(task)))
        except NoAnswer as error:
            _log.warning("the stop of %s is tried again: %s", _id(task), error)
        self._stopping[task] = now

    def is_gone(self, task: Task) -> bool:
        """Whether the cluster was asked and does not have it, or will not let it begin."""
        return self._heard and task not in self.tasks

    def ended(self) -> list[Ended]:
        """Look at the cluster, once a second; what was stopped is not told."""
        if self._clock() - self._polled < POLL_S:
            return []
        self._polled = self._clock()
        try:
            found = self._ask(lambda client: client.list_jobs())
        except NoAnswer as error:
            if self._answers is not False:
                _log.warning("Ray does not answer; jobs at work go on: %s", error)
            self._answers = False
            return []
        if self._answers is False:
            _log.warning("Ray answers again")
        self._heard = self._answers = True
        self._delete_again(found)
        return self._take_in({task: job for job in found if (task := self._task(job)) is not None})

    def _take_in(self, found: dict[Task, JobDetails]) -> list[Ended]:
        over = {task: job for task, job in found.items() if job.status.is_terminal()}
        ended = [_ended(task, job) for task, job in over.items() if task not in self._stopping]
        for task in over:
            self._delete(_id(task))
        self._listed = {t: job.status != "PENDING" for t, job in found.items() if t not in over}
        self._unsent -= found.keys() | self._stopping.keys()
        self._stopping = {t: at for t, at in self._stopping.items() if t in self._listed}
        for task in list(self._unsent):
            self._submit(task)
        return ended

    def close(self) -> None:
        """Leave all as it is: submissions outlive this process, and the next one finds them."""

    def _dropped(self) -> set[Task]:
        """Tasks that were stopped before they began; Ray ends them when it would start them."""
        return {task for task in self._stopping if not self._listed.get(task, True)}

    def _task(self, job: JobDetails) -> Task | None:
        """Return the task of a submission, if it is one of ours."""
        parts = _ID.match(job.submission_id or "")
        ours = (job.metadata or {}).get(OURS) == installation(self._settings)
        return Task("job", parts[1], int(parts[2])) if parts and ours else None

    def _delete(self, submission_id: str) -> None:
        try:
            self._ask(lambda client: client.delete_job(submission_id))
        except NoAnswer as error:
            _log.info("%s stays in Ray's list for now: %s", submission_id, error)
        else:
            self._deleted[submission_id] = self._clock()

    def _delete_again(self, listed: Sequence[JobDetails]) -> None:
        """Delete what came back: Ray's watcher of a job may write its end after it was deleted.

        Such a record has lost the metadata by which a submission is known as ours.
        """
        lately = self._clock() - REMEMBERED_S
        self._deleted = {name: at for name, at in self._deleted.items() if at > lately}
        for job in listed:
            if job.submission_id in self._deleted and not job.metadata:
                self._delete(job.submission_id)

    def _ask(self, question: Callable[[JobSubmissionClient], Answer]) -> Answer:
        """Return an answer of the cluster, or raise NoAnswer."""
        from ray.exceptions import AuthenticationError
        from ray.util.state.exception import RayStateApiException
        from requests import RequestException

        failures = (RequestException, AuthenticationError, RayStateApiException)
        try:
            if self._client is None:
                self._client = _connect(self._settings.ray_address)
            return question(self._client)
        except (*failures, ConnectionError, RuntimeError) as error:
            raise NoAnswer(" ".join(str(error).split())[-LOGGED:]) from error


def _id(task: Task) -> str:
    return f"{task.id}-{task.number}"


def _ended(task: Task, job: JobDetails) -> Ended:
    if job.status == "FAILED":
        _log.warning("%s: %s", job.submission_id, (job.message or "")[-LOGGED:])
    return Ended(task, job.driver_exit_code, began=job.driver_node_id is not None)


def _connect(address: str) -> JobSubmissionClient:
    """Return a client that gives up after a while; Ray's own waits for ever."""
    from ray.job_submission import JobSubmissionClient

    class Patient(JobSubmissionClient):  # type: ignore[misc]
        def _do_request(self, *args: Any, **options: Any) -> Any:
            return super()._do_request(*args, **{"timeout": TIMEOUT_S, **options})

    return Patient(address)
