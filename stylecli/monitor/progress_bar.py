"""Progress bar by tqdm as a progress callback: a widget in a notebook, text in a terminal."""

from typing import Any, Final

from tqdm.auto import tqdm

from stylecli.transfer.results import Progress

UNITS: Final = 1000  # of the whole work


class ProgressBar:
    """Progress callback that draws a bar, for `on_progress`; one object serves run after run.

    `options` are tqdm's. The bar is closed at the last iteration; after an error or a stop,
    `close` does that.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        """Show how far the whole work is, at which size, and the objective's value."""
        if self._bar is None:
            self._bar = tqdm(
                total=UNITS,
                bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}",
                **self.options,
            )
        self._bar.set_description(f"{progress.width}x{progress.height}", refresh=False)
        self._bar.set_postfix(loss=f"{progress.losses.total:.3g}", refresh=False)
        self._bar.update(round(UNITS * progress.fraction) - self._bar.n)
        if progress.is_last:
            self.close()

    def close(self) -> None:
        """Close the bar where one is open; the next call opens another."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
