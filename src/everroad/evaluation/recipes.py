"""The recipes of the networks that judge and of the baselines, by name. Joined with the tables of the other packages by the
command line."""

from __future__ import annotations

from everroad.evaluation.baselines.recipes import BASELINE_RECIPES
from everroad.evaluation.detector.recipe import DETECTOR_RECIPES
from everroad.evaluation.downstream.recipe import DOWNSTREAM_RECIPES
from everroad.evaluation.features.recipe import FEATURE_RECIPES
from everroad.evaluation.mapping.head.recipe import MAP_HEAD_RECIPES
from everroad.evaluation.segmenter_recipe import SEGMENTER_RECIPES
from everroad.training.recipe import Recipe

EVALUATION_RECIPES: dict[str, Recipe] = {
    **SEGMENTER_RECIPES,
    **FEATURE_RECIPES,
    **DETECTOR_RECIPES,
    **MAP_HEAD_RECIPES,
    **BASELINE_RECIPES,
    **DOWNSTREAM_RECIPES,
}
