"""MLflow's client, killed in the middle of what it does."""

from typing import Any


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of the tracker runs after it."""


class Fragile:
    """MLflow's client, killed before or after its n-th call."""

    def __init__(self, client: Any, calls: int, after: bool) -> None:
        self._client, self.left, self._after = client, calls, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self._after:
                raise Killed
            answer = method(*args, **kwargs)
            if self.left == 0:
                raise Killed
            return answer

        return call
