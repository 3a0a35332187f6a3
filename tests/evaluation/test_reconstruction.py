from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everroad.evaluation.reconstruction import HeldOut, fitted_code, held_out, main, measure, there_and_back
from everroad.model.config import FinishConfig
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel

pytestmark = pytest.mark.slow

CONFIG = get_preset("town-nano")


@pytest.fixture(scope="module")
def pictures() -> HeldOut:
    return held_out(CONFIG, 1, 2)


def test_the_masks_are_of_the_pictures(pictures: HeldOut) -> None:
    assert pictures.images.shape == (2, 3, 64, 112)
    assert pictures.masks["all"].all()
    assert all(mask.shape == (2, 64, 112) for mask in pictures.masks.values())
    shares = {name: float(mask.float().mean()) for name, mask in pictures.masks.items()}
    assert 0 < shares["lane markings"] < 0.2
    assert 0 < shares["windows"] < 0.8


def test_errors_are_of_each_mask_alone(pictures: HeldOut) -> None:
    images = torch.full((1, 3, 4, 4), 0.5)
    left = torch.zeros(1, 4, 4, dtype=torch.bool)
    left[:, :, :2] = True
    of = HeldOut(images, pictures.conditions, {"left": left, "right": ~left})
    found = measure(of, images + torch.where(left, 0.1, 0.01)[:, None])
    assert found["left"] == pytest.approx(20.0, abs=1e-3)
    assert found["right"] == pytest.approx(40.0, abs=1e-3)


def test_more_components_keep_more_and_all_keep_everything(pictures: HeldOut) -> None:
    scores = []
    for channels in (8, 32, 192):
        code = fitted_code(CONFIG, channels, pictures.images)
        scores.append(measure(pictures, code.decode(code.encode(pictures.images))))
    assert scores[0]["all"] < scores[1]["all"] < scores[2]["all"]
    assert scores[2]["all"] > 60
    assert scores[2]["gradient energy"] == pytest.approx(1.0, abs=1e-3)


def test_conditions_reach_the_decoder_picture_by_picture(pictures: HeldOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everroad.evaluation.reconstruction.BATCH", 1)
    model = WorldModel(replace(CONFIG, finish=FinishConfig(widths=(32,)))).eval()
    assert model.finish is not None
    torch.nn.init.normal_(model.finish.output.weight, std=0.1, generator=torch.Generator().manual_seed(0))
    plain, told = (there_and_back(pictures, model, told) for told in (False, True))
    with torch.no_grad():
        latents = model.encode(pictures.images[:, None])
        torch.testing.assert_close(plain, model.decode(latents)[:, 0])
        torch.testing.assert_close(told, model.decode(latents, pictures.conditions)[:, 0])
    assert (plain - told).abs().max() > 1e-2


def test_the_command_prints_a_table(
    pictures: HeldOut, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["reconstruction", "--preset", "town-nano", "--towns", "1", "--seconds", "1", "--channels", "16"]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr("everroad.evaluation.reconstruction.held_out", lambda *asked: pictures)
    to_fit = (pictures.images * 255).to(torch.uint8)
    monkeypatch.setattr("everroad.evaluation.reconstruction.painted_pictures", lambda *asked: to_fit)
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| code | all | lane markings | windows | far cars | gradient energy |"
    assert lines[2].startswith("| patch code, 16 | ")
