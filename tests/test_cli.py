"""The command line as a user meets it: speed of the help, exit statuses, one line for everything that goes wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from everroad import __version__, cli, console
from everroad.__main__ import main as entry
from everroad.console import progress_bar
from everroad.media import VideoWriter, write_png
from everroad.scenario.storage import load_scenario
from everroad.stream.folder import check_can_be_made

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "EVERROAD_TRACEBACK"}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line with which these arguments are refused."""
    status = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2, captured
    assert captured.err.startswith("everroad: ")
    assert captured.err.count("\n") == 1, captured.err
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("arguments", [["--help"], ["generate", "--help"], ["scenario", "--help"], ["--version"]])
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from everroad.cli import main; status = main(sys.argv[1:]); "
        "heavy = {'torch', 'numpy', 'scipy', 'cv2', 'av', 'pyarrow', 'shapely', 'pydantic'} & set(sys.modules); "
        "print('imported:', *sorted(heavy)); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported:"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("demo", "scenario", "generate", "train", "evaluate", "bench"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_the_schema_is_valid_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert cli.main(["scenario", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "format_version" in schema["properties"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["generate"],
        ["generate", "town.json"],
        ["generate", "town.json", "--out", "out", "--frames", "many"],
        ["generate", "town.json", "--out", "out", "--frames", "0"],
        ["generate", "town.json", "--out", ""],
        ["evaluate", "quick", "--out", ""],
        [""],
        ["generate", "town.json", "--out", "out", "--frmes", "3"],
        ["generate", "town.json", "--out", "out", "--dtype", "float16"],
        ["demo", "--threads", "0"],
        ["scenario", "town", "--seed", "-1", "--out", "town.json"],
        ["scenario", "town", "--seed", "1", "--seconds", "nan", "--out", "town.json"],
        ["scenario", "convert"],
        ["train"],
        ["bench", "nonsense"],
    ],
)
def test_arguments_that_do_not_parse(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("generate a --out o --frames 0",
         "--frames: expected a whole number of at least 1, got '0'; see everroad generate --help"),
        ("generate a --out o --frames 0.9", "--frames: expected a whole number, got '0.9'; see everroad generate --help"),
        ("generate a --out o --steps 0.6", "--steps: expected a whole number, got '0.6'; see everroad generate --help"),
        ("demo --threads 0", "--threads: expected a whole number from 1 to 1024, got '0'; see everroad demo --help"),
        ("demo --threads 9999999999",
         "--threads: expected a whole number from 1 to 1024, got '9999999999'; see everroad demo --help"),
        ("demo --threads 1.5", "--threads: expected a whole number, got '1.5'; see everroad demo --help"),
        ("demo --device cpu:1", "--device: expected cpu, cuda or cuda:N, got 'cpu:1'; see everroad demo --help"),
        ("demo --dtype float16", "--dtype: expected one of float32, bfloat16, auto, got 'float16'; did you mean \"bfloat16\"?"),
        ("scenario town --seed abc --out a.json",
         "--seed: expected a whole number, got 'abc'; see everroad scenario town --help"),
        ("scenario town --seed 1.5 --out a.json",
         "--seed: expected a whole number, got '1.5'; see everroad scenario town --help"),
        ("scenario town --seed -1 --out a.json",
         "--seed: expected a whole number from 0 to 9223372036854775807, got '-1'; see everroad scenario town --help"),
        ("scenario town --seed 1 --seed 2 --out a.json", "--seed: expected it once, got it more than once; drop one"),
        ("scenario town --seed 1 --out a.json --seconds x",
         "--seconds: expected a number, got 'x'; see everroad scenario town --help"),
        ("generate a b --out o", "arguments: expected no more of them, got 'b'; see everroad generate --help"),
        ("generate a --out o --frmes 3", "--frmes: expected an option of the command, got another; did you mean --frames?"),
        ("generate a", "--out: expected a value, got none; see everroad generate --help"),
        ("scenario convert a.mp4 --out a.json --crop -1,0,10,10",
         "--crop: expected a value, got '-1,0,10,10', which begins with -; if it is meant, write --crop=-1,0,10,10"),
        ("scenario convert a.mp4 --out a.json --crop --size 2x4",
         "--crop: expected a value, got none; see everroad scenario convert --help"),
        ("demo --quiet=maybe", "--quiet: expected true or false, or no value, got 'maybe'; see everroad demo --help"),
        ("generat", "command: expected one that there is, got 'generat'; did you mean \"generate\"?"),
        ("train town-nano-stage1 --minutes nan",
         "--minutes: expected a number of at least 0, got 'nan'; see everroad train --help"),
        ("train town-nano-stage1 --minutes -1",
         "--minutes: expected a number of at least 0, got '-1'; see everroad train --help"),
    ],
)  # fmt: skip
def test_options_are_refused_like_everything_else(arguments: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *arguments.split()) == f"everroad: {words}\n"


def test_a_typo_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--frames" in refused(capsys, "generate", "town.json", "--out", "out", "--frmes", "3")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ValueError("expected a map, got none;\n  use --without-map"), 2, "expected a map, got none; use --without-map"),
        (TypeError("expected a path"), 2, "expected a path"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "town.json"),
            2,
            "town.json: expected a path that can be used, got 'No such file or directory'; choose another",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "got 'Permission denied'; choose"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out"), 2, "got 'Is a directory'; choose"),
        (OSError(errno.ENOSPC, "No space left on device", "out/video.partial.mp4"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("shape"), 1, "RuntimeError: shape"),
    ],
)
def test_every_error_has_its_status_and_one_line(error: BaseException, status: int, words: str) -> None:
    got, text = console.explain(error)
    assert got == status
    assert words in text
    assert "\n" not in text


def test_a_long_path_does_not_hide_the_reason() -> None:
    for path in ("d" * 5000, "/".join(["d" * 200] * 30), " ".join(["d" * 20] * 300)):
        text = console.explain(ValueError(f"{path}: expected a readable file, got 'File name too long'; check the path"))[1]
        assert text.endswith(": expected a readable file, got 'File name too long'; check the path")
        assert len(text) < 1100


def test_notes_of_an_error_say_what_was_kept() -> None:
    error = KeyboardInterrupt()
    error.add_note("kept out/video.partial.mp4")
    assert console.explain(error)[1] == "interrupted; kept out/video.partial.mp4"


def test_an_interrupt_while_the_libraries_load_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("everroad.cli.main", interrupted)
    assert entry() == 130
    assert capsys.readouterr().err == "everroad: interrupted\n"


def test_no_traceback_unless_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["generate", "missing.json", "--out", "out"]
    monkeypatch.delenv("EVERROAD_TRACEBACK", raising=False)
    refused(capsys, *arguments)
    monkeypatch.setenv("EVERROAD_TRACEBACK", "1")
    assert cli.main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    with os.fdopen(write_end, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "scenario", "schema"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


def in_a_shell(prefix: str, *arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'{prefix} exec "$0" "$@"', sys.executable, "-m", "everroad", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    for prefix, status in (("exec >&-;", 0), ("exec >&- 2>&-;", 0)):
        done = in_a_shell(prefix, "scenario", "schema", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    done = in_a_shell("exec 2>&-;", "scenario", "convert", "none.json", "--out", "a.json", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_name_that_stdout_cannot_spell_is_escaped(tmp_path: Path) -> None:
    town = ("scenario", "town", "--seed", "1", "--seconds", "0.1", "--out", "相.json")
    done = in_a_shell("", *town, cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("\\u76f8.json: 1 frame, ")
    assert (tmp_path / "相.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_on_a_full_disk() -> None:
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "scenario", "schema"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("everroad: No space left on device")
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained town-nano; the command line does not care what the pictures look like."""
    import torch

    from everroad.model.checkpoint import save_world_model
    from everroad.model.presets import get_preset
    from everroad.model.world_model import WorldModel

    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_world_model(WorldModel(get_preset("town-nano")), path, {"about": "untrained"}, dtype=torch.float32)
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town of 4 seconds, 48 frames."""
    path = tmp_path_factory.mktemp("town") / "new folder" / "town.json"
    assert cli.main(["scenario", "town", "--seed", "1000003", "--seconds", "4", "--out", str(path), "--quiet"]) == 0
    return path


def edited(town: Path, folder: Path, **changes: object) -> Path:
    """A copy of the scenario file with other values at top level."""
    path = folder / "edited.json"
    path.write_text(json.dumps(json.loads(town.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return path


def test_generate_makes_a_run_and_refuses_to_make_it_again(
    town: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs" / "one"
    arguments = ["generate", str(town), "--weights", str(weights), "--frames", "2", "--out", str(out), "--png"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    for name in ("video.mp4", "panels.mp4", "sheet.png", "report.json", "frames"):
        assert (out / name).exists()
        assert str(out / name) in printed
    assert len(list((out / "frames").iterdir())) == 2
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (report["frames"], report["model"]["card"]["about"]) == (2, "untrained")
    assert "--overwrite" in refused(capsys, *arguments)
    assert cli.main([*arguments, "--overwrite", "--quiet", "--no-reference"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_another_frame_rate_is_resampled_and_said(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = tmp_path / "slow.json.gz"
    assert cli.main(["scenario", "town", "--seed", "1000003", "--seconds", "2", "--frame-rate", "6", "--out", str(slow)]) == 0
    assert cli.main(["generate", str(slow), "--weights", str(weights), "--frames", "2", "--out", str(tmp_path / "out")]) == 0
    assert "resampled from 6 Hz to 12 Hz" in capsys.readouterr().out


@pytest.mark.slow
def test_bench_prints_one_json_object(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "stream", "--weights", str(weights), "--frames", "3", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    wanted = {
        "frames_per_second", "width_px", "height_px", "steps", "ms", "state_bytes", "rss_mb", "dtype", "threads", "preset",
        "model_sha256", "hardware",
    }  # fmt: skip
    assert wanted <= measured.keys()
    assert (measured["width_px"], measured["height_px"], measured["preset"]) == (112, 64, "town-nano")


def test_show_films_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from everroad.media import read_image, read_video_frames

    short, out = tmp_path / "short.json", tmp_path / "show.mp4"
    assert cli.main(["scenario", "town", "--seed", "1000003", "--seconds", "0.5", "--out", str(short), "--quiet"]) == 0
    assert cli.main(["scenario", "show", str(short), "--out", str(out), "--quiet"]) == 0
    assert sum(1 for _ in read_video_frames(out)) == 6
    still = ["scenario", "show", str(short), "--out", str(tmp_path / "show.png"), "--frame", "2", "--height", "90", "--ids"]
    assert cli.main([*still, "--camera", "CAM_FRONT"]) == 0
    assert "1 of 6 frames, cameras CAM_FRONT\n" in capsys.readouterr().out
    assert read_image(tmp_path / "show.png").shape == (106, 90 + 4 + 160, 3)
    assert "frame: expected 0 to 5, got 6" in refused(capsys, *still, "--frame", "6")
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert "; pip install -c" in refused(capsys, "scenario", "show", short, "--out", tmp_path / "new" / "show.rrd")
    assert not (tmp_path / "new").exists()


def test_convert_makes_pictures_and_a_scenario_of_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 24.0) as video:
        for level in range(25):
            video.write(np.full((64, 112, 3), 5 * level, dtype=np.uint8))
    (tmp_path / "poses.csv").write_text("time_s,x_m,y_m,yaw_rad\n0,0,0,0\n9,90,0,0\n")
    out = tmp_path / "new" / "a.json"
    options = ["--size", "56x32", "--poses", str(tmp_path / "poses.csv"), "--fov", "90", "--seconds", "0.5"]
    assert cli.main(["scenario", "convert", str(tmp_path / "clip.mp4"), "--out", str(out), *options]) == 0
    assert f"{out}: 7 frames at 12 Hz, actors unknown, cameras CAM_FRONT" in capsys.readouterr().out
    made = load_scenario(out)
    assert [(out.parent / path).is_file() for path in made.images["CAM_FRONT"]] == [True] * 7
    assert made.ego_motion_known
    assert made.cameras[0].intrinsics[0, 0] == pytest.approx(28)
    for arguments in (["--fov", "90", "--focal", "9"], ["--frame-rate", "30"], ["--size", "1x1000"], ["--rig", "nuscenes-6"]):
        refused(capsys, "scenario", "convert", tmp_path / "clip.mp4", "--out", tmp_path / "b" / "b.json", *arguments)
    assert not (tmp_path / "b").exists()
    assert "scenario convert" in refused(capsys, "generate", tmp_path / "clip.mp4", "--out", tmp_path / "b")


def test_convert_reads_a_scenario_file(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "log.json.gz"
    assert cli.main(["scenario", "convert", str(town), "--frame-rate", "4", "--rig", "nuscenes-6", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "16 frames at 4 Hz" in printed
    assert "CAM_BACK_LEFT" in printed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 99}, "format_version"),
        ({"time_s": [*range(47), 46]}, "increasing"),
        ({"world_from_ego": {"translation_m": [[float("nan"), 0, 0]] * 48, "rotation_wxyz": [[1, 0, 0, 0]] * 48}}, "NaN"),
        ({"actors": [{"track_id": "a", "category": None, "size_lwh_m": [4, -2, 1], "first_frame": 0,
                      "poses": {"translation_m": [[0, 0, 0]], "rotation_wxyz": [[1, 0, 0, 0]]}}]}, "size_lwh_m"),
    ],
)  # fmt: skip
def test_refused_scenarios_make_nothing(
    changes: dict[str, object], words: str, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = edited(town, tmp_path, **changes)
    line = refused(capsys, "generate", bad, "--out", tmp_path / "out")
    assert words.lower() in line.lower()
    refused(capsys, "scenario", "show", bad, "--out", tmp_path / "videos" / "show.mp4")
    refused(capsys, "scenario", "convert", bad, "--out", tmp_path / "files" / "again.json")
    assert [path.name for path in tmp_path.iterdir()] == [bad.name]


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("town", "--frame-rate 1e-9", "--frame-rate: expected finite numbers, 0.001 to 10000 Hz, got 1e-09"),
        ("town", "--camera-height 1.5", "expected a video, to which alone"),
        ("town", "--camera A --camera A", "expected every --camera once, got 'A' more than once"),
        ("clip", "--without-map", "clip.mp4: expected no --without-map for a video, which has no map, got it; drop it"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    source: str, options: str, words: str, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = town if source == "town" else tmp_path / "clip.mp4"
    if source == "clip":
        with VideoWriter(path, 12.0) as video:
            video.write(np.zeros((32, 32, 3), np.uint8))
    line = refused(capsys, "scenario", "convert", path, "--out", tmp_path / "new" / "a.json", *options.split())
    assert words in line
    assert not (tmp_path / "new").exists()


def test_show_refuses_a_camera_twice(town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = ["--camera", "CAM_FRONT", "--camera", "CAM_FRONT"]
    line = refused(capsys, "scenario", "show", town, "--out", tmp_path / "new" / "a.png", *twice)
    assert "expected every --camera once, got 'CAM_FRONT' more than once" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("out", "export"), [("g", "g"), ("g/run", "g"), ("g", "g/data"), ("g", "x/../g")])
def test_a_run_and_its_export_lie_apart(
    out: str, export: str, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, "generate", town, "--out", out, "--export", "nuscenes", export)
    assert f"--export {export}: expected a folder apart from --out {out}, got it or one in the other; name another" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--start small.png", "small.png: expected a picture of at least"),
        ("--steps 1000000000", "steps: expected at least 1 denoise step and at most 1000, got 1000000000; name so many"),
        ("--preset nope", "preset: expected one that ships weights (town), got 'nope'; choose one"),
        ("--weights .", ".: expected a safetensors file, got a folder; check the path"),
    ],
)
def test_refusals_of_generate_say_what_they_got(
    options: str, words: str, town: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "small.png", np.zeros((3, 3, 3), np.uint8))
    model = [] if "--preset" in options or "--weights" in options else ["--weights", weights]
    assert words in refused(capsys, "generate", town, "--out", "out", *model, *options.split())
    assert [path.name for path in tmp_path.iterdir()] == ["small.png"]


def test_a_log_that_lacks_something_names_the_option(shared_data, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = shared_data("av2/3b3570b4-7b0b-3268-a571-b0889dbf40b6")
    out = tmp_path / "log.json"
    assert "--rig" in refused(capsys, "scenario", "convert", log, "--out", out)
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["scenario", "convert", str(log), "--rig", "nuscenes-front", "--out", str(out), "--quiet"]) == 0
    assert out.exists()


def test_refused_model_files_make_nothing(
    town: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = weights.read_bytes()
    files = {"truncated": whole[: len(whole) // 2], "pickle": b"\x80\x04\x95", "empty": b"", "text": b"no weights"}
    for name, content in files.items():
        bad = tmp_path / f"{name}.safetensors"
        bad.write_bytes(content)
        line = refused(capsys, "generate", town, "--weights", bad, "--out", tmp_path / "out")
        assert bad.name in line
        refused(capsys, "bench", "stream", "--weights", bad)
    refused(capsys, "generate", town, "--weights", tmp_path / "none.safetensors", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--camera", "CAM_NONE"],
        ["--frames", "100000"],
        ["--start", "none.png"],
        ["--start", "nul\0.png"],
        ["--start", ""],
        ["--start", "recorded"],
        ["--device", "tpu"],
        ["--device", "cuda:99"],
        ["--vertical-anchor", "7"],
        ["--rig", "none"],
        ["--preset", "none"],
    ],
)
def test_refused_options_of_generate_make_nothing(
    options: list[str], town: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = [] if "--preset" in options else ["--weights", weights]
    refused(capsys, "generate", town, *model, "--out", tmp_path / "out", *options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["generate", "show", "town", "convert", "demo", "train", "quick"])
def test_outputs_that_cannot_be_written_are_refused_before_any_work(
    command: str, town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way", encoding="utf-8")
    (tmp_path / "loop").symlink_to("loop")
    mkdir = Path.mkdir

    def denied(path: Path, *args: Any, **kwargs: Any) -> None:
        # The superuser may write anywhere, so permissions alone would not show it.
        if path.parent == tmp_path and len(path.name) < 255 and "\0" not in path.name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", denied)
    outs = {
        file / "inside": "Not a directory",
        tmp_path / "loop" / "inside": "Too many levels of symbolic links",
        tmp_path / "new" / "deep": "Permission denied",
        tmp_path / "new": "Permission denied",
        tmp_path / ("n" * 300): "File name too long",
        tmp_path / "nul\0": "embedded null byte",
    }
    if Path("/proc/self").exists():
        outs |= {Path("/proc/x"): "", Path("/proc/a/b"): ""}  # the reason depends on who asks
    if command in ("demo", "generate", "train", "quick"):
        outs |= {file: "Not a directory", tmp_path / "loop": "Too many levels of symbolic links"}
    ending = {"show": ".mp4", "town": ".json", "convert": ".json.gz"}.get(command, "")
    for out, reason in outs.items():
        path = f"{out}{ending}"
        arguments = {
            "generate": ["generate", town, "--out", path],
            "show": ["scenario", "show", town, "--out", path],
            "town": ["scenario", "town", "--seed", "1", "--out", path],
            "convert": ["scenario", "convert", town, "--out", path],
            "demo": ["demo", "--out", path],
            "train": ["train", "town-nano-stage1", "--out", path],
            "quick": ["evaluate", "quick", "--out", path],
        }[command]
        line = refused(capsys, *arguments)
        assert line.startswith("everroad: --out ")
        assert ": expected a place that can be written, got '" in line
        assert line.endswith(f"{reason}'; choose another\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_a_working_directory_that_is_gone_is_refused(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for arguments in (["scenario", "convert", town, "--out", "x.json"], ["demo"]):
        assert "expected a place that can be written, got 'No such file or directory'" in refused(capsys, *arguments)
    monkeypatch.chdir(tmp_path)


def test_trying_a_place_leaves_nothing_and_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, folder in ((tmp_path / "a.json", False), (tmp_path, True), (tmp_path / "new" / "deep", True)):
        check_can_be_made(path, folder=folder)
    assert list(tmp_path.iterdir()) == []

    def full(path: Path, *_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        check_can_be_made(tmp_path / "a.json", folder=False)
    assert caught.value.filename == str(tmp_path / "a.json")


def test_output_names_with_another_ending_or_of_a_folder(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ".json" in refused(capsys, "scenario", "town", "--seed", "1", "--out", tmp_path / "town.yaml")
    assert ".mp4" in refused(capsys, "scenario", "show", town, "--out", tmp_path / "show.avi")
    (tmp_path / "folder.json").mkdir()
    assert "folder" in refused(capsys, "scenario", "town", "--seed", "1", "--out", tmp_path / "folder.json")


def test_a_folder_made_for_an_output_goes_when_the_work_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, "scenario", "convert", tmp_path / "missing", "--out", tmp_path / "a" / "b" / "log.json")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_recipe_gets_the_list_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(capsys, "train", "town-stage")
    assert "did you mean 'town-stage" in line
    assert "segmenter" in line
    assert "did you mean" in refused(capsys, "train", "town-stage1", "optimizer.learning_rate=1")
    refused(capsys, "train", "town-stage1", "batch")
    refused(capsys, "train", "town-stage1", "--device", "tpu")
    assert list(tmp_path.iterdir()) == []


def started(town: Path, weights: Path, out: Path, *, prefix: str = "") -> subprocess.Popen[str]:
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    command = ["bash", "-c", f'{prefix} exec "$0" "$@"', sys.executable, "-c", code, "generate", town, "--weights", weights]
    return subprocess.Popen(
        [str(part) for part in [*command, "--out", out, "--quiet"]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
        # What a shell starts in the background ignores interrupts, and so would all that these tests start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def test_an_interrupt_keeps_the_partial_video_and_says_so(weights: Path, tmp_path: Path) -> None:
    from everroad.media import read_video_frames

    # So long that it is not done before the interrupt, however busy the machine.
    out, town = tmp_path / "out", tmp_path / "town.json"
    assert cli.main(["scenario", "town", "--seed", "1000003", "--seconds", "100", "--out", str(town), "--quiet"]) == 0
    run = started(town, weights, out)
    partial = out / "video.partial.mp4"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 2000) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert err.startswith("everroad: interrupted; kept ")
    assert str(partial) in err
    assert err.count("\n") == 1
    assert sum(1 for _ in read_video_frames(partial)) >= 1
    assert not (out / "video.mp4").exists()
    assert not (out / "report.json").exists()


@pytest.mark.parametrize(
    ("command", "sign", "left"),
    [
        # So long that they are not done before the signal.
        (["scenario", "town", "--seed", "3", "--seconds", "80000", "--out", "{}/new/t.json"], "new", []),
        (["scenario", "show", "TOWN", "--out", "{}/s.mp4"], "s.partial.mp4", ["s.partial.mp4"]),
        (["scenario", "towns", "--seed", "3", "--count", "900", "--out", "{}/n"], "n/town-3.json.gz", ["n"]),
    ],
    ids=["town", "show", "towns"],
)
def test_sigterm_is_an_interrupt(command: list[str], sign: str, left: list[str], town: Path, tmp_path: Path) -> None:
    words = [str(town) if word == "TOWN" else word.format(tmp_path) for word in command]
    run = subprocess.Popen(
        [sys.executable, "-m", "everroad", *words, "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    least = 10_000 if sign.endswith(".mp4") else 0  # bytes: a video is there before its first frame
    while time.monotonic() < deadline:
        if (tmp_path / sign).exists() and (tmp_path / sign).stat().st_size >= least:
            break
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    kept = f"; kept {tmp_path / sign}" if sign.endswith(".mp4") else ""
    assert err == f"everroad: interrupted{kept}\n"
    assert [path.name for path in tmp_path.iterdir()] == left
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["t.json", "s.png"])
def test_a_disk_that_fills_is_said_of_the_path(name: str, town: Path, tmp_path: Path) -> None:
    command = ["scenario", "town", "--seed", "3"] if name == "t.json" else ["scenario", "show", str(town)]
    words = [sys.executable, "-m", "everroad", *command, "--out", str(tmp_path / name), "--quiet"]
    limited = ["bash", "-c", 'ulimit -f 4; exec "$0" "$@"', *words]  # in KiB
    done = subprocess.run(limited, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"everroad: {tmp_path / name.split('.')[0]}"), done.stderr
    assert "File too large; make room and run it again" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_disk_that_fills_keeps_the_partial_video_and_says_so(town: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # Files of more than 4 KiB fail with EFBIG: the nearest thing to a full disk without a file system of one's own.
    run = started(town, weights, out, prefix="ulimit -f 4;")
    _, err = run.communicate(timeout=120)
    assert run.returncode == 1, err
    assert str(out / "video.partial.mp4") in err
    assert err.count("\n") == 1
    assert (out / "video.partial.mp4").exists()
    assert not (out / "report.json").exists()


def test_where_nobody_watches_progress_is_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 30.0, 60.0, 61.0, 120.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    with progress_bar("evaluate", False) as progress:
        assert progress is not None
        for done in (10, 20, 21, 40):
            progress(done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "evaluate: 20 of 100 frames, some 4 min left",
        "evaluate: 40 of 100 frames, some 3 min left",
    ]


def test_a_refusal_takes_a_progress_bar_away(capsys):
    def refuse_midway():
        with progress_bar("index", False) as progress:
            assert progress is not None
            progress(1, 2)
            raise ValueError("expected this, got that; mend it")

    with pytest.raises(ValueError, match="expected this"):
        refuse_midway()
    assert capsys.readouterr().err == ""
