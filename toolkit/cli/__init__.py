"""The command line: one file a command, found by scanning this folder.

A command file has `command`, a function with typer annotations, and may have `NAME` where the
command is not called like its file. A folder is a group of commands (`toolkit capture proxy`), its
docstring the group's help. Everything heavy is imported inside the function, so that
`--help` answers at once.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from toolkit.core.errors import ToolkitError, closest, interrupted

ORDER = (
    "demo", "advise", "init", "preview", "estimate", "generate", "status", "rejudge", "verify", "findings", "why",
    "fix", "redact", "audit", "split", "sample", "label", "dry_run", "readiness", "export", "tokens", "templates",
    "compare", "capture", "run", "parts",
)  # fmt: skip

STOPPED = 130
WORDS = ("stopped", "run the same command again: what is done is not done twice")
GRACE_S = 5.0


def app() -> Any:
    """The typer application with every command of the folder."""
    built = typer.Typer(
        name="toolkit",
        help="The step before any trainer: make, verify and split fine-tuning rows, and say whether they are ready.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    built.callback(invoke_without_command=True)(_bare)
    _add(built, __name__, list(__path__))
    return built


def _add(built: Any, package: str, path: list[str]) -> None:
    """Put the commands of a folder on an application, those of its folders as groups."""
    names = [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]
    for name in sorted(
        names, key=lambda name: (ORDER.index(name.rstrip("_")) if name.rstrip("_") in ORDER else 99, name)
    ):
        module = importlib.import_module(f"{package}.{name}")
        shown = getattr(module, "NAME", name.rstrip("_"))
        if hasattr(module, "command"):
            built.command(shown)(module.command)
        elif hasattr(module, "__path__"):
            group = typer.Typer(rich_markup_mode=None)
            group.callback(invoke_without_command=True)(_group)
            _add(group, module.__name__, list(module.__path__))
            built.add_typer(group, name=shown, help=(module.__doc__ or "").strip().rstrip("."))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fit, 1 findings, 2 usage or input, 3 provider or machine."""
    try:
        returned = typer.main.get_command(app()).main(
            list(sys.argv[1:] if argv is None else argv), prog_name="toolkit", standalone_mode=False
        )
    except ToolkitError as failure:
        return _say(failure.what, failure.fix, failure.exit_code)
    except typer.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _stopped()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _say("the machine ran out of memory", "use a machine with more, or a part of the file", 3)
    except OSError as failure:
        return _say(f"the machine failed: {failure.strerror or failure}", "check the disk and the permissions", 3)
    except typer.TyperException as failure:
        return _usage(failure)
    except RuntimeError as failure:
        if interrupted(failure):
            return _stopped()
        raise
    if returned == STOPPED:  # typer's own answer to an interrupt
        return _stopped()
    return returned if isinstance(returned, int) else 0


def run() -> None:
    """The console script. To be asked to end (SIGTERM) is the same as Ctrl-C; asked twice, it ends at once."""
    signal.signal(signal.SIGTERM, _asked_to_stop)
    signal.signal(signal.SIGINT, _asked_to_stop)
    sys.exit(main())


def _asked_to_stop(number: int, _: object) -> None:
    """Stop as on Ctrl-C, and end the process where nothing has come of that after GRACE_S seconds.

    DuckDB 2.0, interrupted in a query, often waits for itself for ever. To end is safe: a run that is
    killed leaves nothing that the next one trips over.
    """
    signal.signal(number, signal.SIG_DFL)
    late = threading.Timer(GRACE_S, _end)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _end() -> None:
    os.write(2, f"error: {WORDS[0]}\ntry: {WORDS[1]}\n".encode())
    os._exit(STOPPED)


def _bare(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(installed("finetune-toolkit"))
    elif context.invoked_subcommand is None:
        print(context.get_help())


def _group(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _usage(failure: Any) -> int:
    """A mistake on the command line, in the two lines of every other error."""
    message = getattr(failure, "format_message", lambda: str(failure))().rstrip(".")
    context = getattr(failure, "ctx", None)
    path = context.command_path if context is not None else "toolkit"
    option = getattr(failure, "option_name", None)
    if option and context is not None:
        known = [name for each in context.command.params for name in each.opts if name.startswith("-")]
        message = f"unknown option '{option}' of {path}{closest(option, known)}"
        return _say(message, f"{path} knows {', '.join(sorted(known))}", 2)
    message = re.sub(r"\.? Did you mean (.+)\?", r" (did you mean \1?)", message[:1].lower() + message[1:])
    return _say(message, f"{path} --help", 2)


def _stopped() -> int:
    return _say(*WORDS, STOPPED)


def _say(what: str, fix: str, code: int) -> int:
    print(f"error: {what}\ntry: {fix}", file=sys.stderr)
    return code
