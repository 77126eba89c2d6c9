from __future__ import annotations

from fanout.studies.handshake import HANDSHAKE
from fanout.studies.headline import HEADLINE


def test_the_studies_name_every_scenario_in_their_folders() -> None:
    for study in (HEADLINE, HANDSHAKE):
        assert {path.stem for path in study.folder.glob("*.yaml")} - {"base"} == set(study.names)
        assert [scenario.name for scenario in study.scenarios()] == list(study.names)
