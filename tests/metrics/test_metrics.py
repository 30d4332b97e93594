"""Metrics of runs: what both formats' parsers read of them, and what counts on from run to run."""

import math
import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic_metrics
from testing.dist_git import edit
from testing.pages import blocks
from testing.sites import distgen, save, site

from distgen.metrics.exposition import EDITS_SINCE, LAST_SUCCESS, format_metrics
from distgen.metrics.exposition import parse_earlier_metrics as parse_earlier
from distgen.metrics.families import RunFacts, is_waiting, run_families
from distgen.metrics.measurements import Measurements
from distgen.metrics.records import EarlierMetrics
from distgen.model.published import Edit, Result

PAGE = Path(__file__).parents[2] / "doc" / "howto" / "metrics.rst"
OWN = (("command", "publish"), ("catalogue", "images"))
FACTS = RunFacts(
    begun=100.0,
    ended=160.5,
    exit_code=0,
    results=(),
    stages={"read": 1.0, "plan": 2.5, "publish": 57.0},
    counts={"distgen_pushes": 3},
    lock_changed=50.0,
)


EDIT = (Edit("Dockerfile", "modified"),)


def result(status, image="ns/app", edits=EDIT):
    return Result(image, "main", "url", "main", status, edits=edits)


def samples(text, parse=open_metrics):
    """Return the values of a text by names and labels, without those that all samples have."""
    common = sample_labels(text)
    return {
        (sample.name, *(v for k, v in sorted(sample.labels.items()) if (k, v) not in common)): (
            sample.value
        )
        for family in parse(text)
        for sample in family.samples
    }


def sample_labels(text):
    """Return the labels that all samples have."""
    every = [set(s.labels.items()) for family in open_metrics(text) for s in family.samples]
    common = set.intersection(*every)
    return {(key, value) for key, value in common if key in ("command", "catalogue", "shard")}


def check(text):
    """Hold a text to what both parsers read, and what promtool and node_exporter ask for."""
    families = list(open_metrics(text))
    for family in families:
        assert re.fullmatch(r"distgen_[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter")
        assert not re.search(r"milli|micro|nano|minutes|hours|days|_ms$|_total$", family.name)
        assert (family.unit == "seconds") is family.name.endswith("_seconds")
        assert ("timestamp" in family.name) is family.name.endswith("_timestamp_seconds")
        for sample in family.samples:
            assert sample.timestamp is None, "node_exporter refuses the whole file"
            assert sample.name == family.name + "_total" * (family.type == "counter")
            assert {"command", "catalogue"} <= sample.labels.keys()
            assert math.isfinite(sample.value)
            assert sample.value >= 0
    assert samples(text) == samples(text, classic_metrics)
    assert text.endswith("\n# EOF\n")
    return {family.name for family in families}


@pytest.fixture
def published(catalogue, tmp_path):
    """A catalogue that was published once, and the file with the metrics of that."""
    root = site(catalogue, "base", "app")
    path = tmp_path / "distgen.prom"
    assert distgen(root, "publish", "--metrics", path).code == 0
    return root, path


def test_a_run_says_what_stands_where_and_how_long_it_took(published):
    _, path = published
    text = path.read_text()
    assert "distgen_lock_change_timestamp_seconds" not in check(text)
    found = samples(text)
    assert found["distgen_branches", "created"] == 2
    assert found["distgen_branches", "failed"] == 0
    assert found["distgen_edits_waiting",] == 0
    assert found["distgen_pushes_total",] == 2
    assert found["distgen_last_exit_code",] == 0
    assert found[LAST_SUCCESS,] == found["distgen_last_run_timestamp_seconds",]
    stages = [v for (name, *_), v in found.items() if name == "distgen_stage_duration_seconds"]
    assert sum(stages) == pytest.approx(found["distgen_last_run_duration_seconds",], abs=0.01)
    assert sample_labels(text) == {("command", "publish"), ("catalogue", "catalogue")}


def test_what_waits_and_the_last_success_outlive_runs_that_fail(published, tmp_path):
    root, path = published
    success = samples(path.read_text())[LAST_SUCCESS,]
    edit(root / "dist-git/ns/app.git", {"Dockerfile": "FROM mine\n"}, tmp_path, "main")
    (root / "templates/app/Dockerfile.j2").write_text("FROM {{ base.reference }}\nRUN other\n")
    (root / "distgen.lock").write_text("version: 1\n")
    save(root)
    assert distgen(root, "publish", "--metrics", path).code == 1
    check(path.read_text())
    refused = samples(path.read_text())
    assert refused[LAST_SUCCESS,] == success
    assert (refused["distgen_last_exit_code",], refused["distgen_edits_waiting",]) == (1, 1)
    since = refused[EDITS_SINCE, "ns/app", "main"]
    assert since == refused["distgen_last_run_timestamp_seconds",]
    assert refused["distgen_pushes_total",] == 3
    assert refused["distgen_lock_change_timestamp_seconds",] > 1.6e9

    (root / "overlays/ns/base.yaml").write_text("template: nothing\n")
    assert distgen(root, "publish", "--metrics", path).code == 2
    check(path.read_text())
    broken = samples(path.read_text())
    assert broken[LAST_SUCCESS,] == success
    assert (broken["distgen_last_exit_code",], broken["distgen_runs_total",]) == (2, 3)
    assert broken[EDITS_SINCE, "ns/app", "main"] == since
    assert ("distgen_branches", "created") not in broken


def test_status_says_how_repositories_stand(published, tmp_path):
    root, path = published
    edit(root / "dist-git/ns/app.git", {"Dockerfile": "FROM mine\n"}, tmp_path, "main")
    before = path.read_text()
    done = distgen(root, "status", "--metrics", "-")
    text, end, _ = done.out.partition("# EOF\n")
    check(text + end)
    found = samples(text + end)
    assert found["distgen_branches", "drifted"] == 1
    assert found["distgen_edits_waiting",] == 1
    assert sample_labels(text + end) >= {("command", "status")}
    assert path.read_text() == before


def test_metrics_that_cannot_be_written_are_named_and_the_old_ones_stay(published, tmp_path):
    root, _ = published
    gone = tmp_path / "gone/distgen.prom"
    done = distgen(root, "publish", "--metrics", gone)
    assert done.code == 1
    assert f"{gone}: no such file or directory; the metrics are not in it\n" in done.err
    done = distgen(root, "publish", "ns/nothing", "--metrics", gone)
    assert done.code == 2
    assert f"{gone}: no such file or directory; the metrics are not in it\n" in done.err
    done = distgen(root, "publish", "--dry-run", "--metrics", tmp_path / "new")
    assert (done.code, done.err) == (2, "distgen: --metrics: a dry run is no run to measure\n")
    assert not (tmp_path / "new").exists()


# --- what an earlier file says -----------------------------------------------------------------


def families(facts=FACTS, earlier=EarlierMetrics(), own=OWN):  # noqa: B008 -- it is frozen
    return format_metrics(run_families(facts, earlier, own))


@given(st.text(), st.text(), st.floats(0, 1e10))
def test_what_was_written_is_read_again(image, stream, seconds):
    key = (image[:200], stream[:200])
    earlier = EarlierMetrics(5.0, {"distgen_pushes": 4}, {key: round(seconds, 3)})
    facts = RunFacts(0, seconds, 1, None, {}, {"distgen_pushes": 1})
    text = families(facts, earlier)
    again = parse_earlier(text, OWN)
    assert (again.last_success, again.counters["distgen_pushes"]) == (5.0, 5.0)
    assert dict(again.edits_since) == pytest.approx({key: seconds}, abs=0.001)


@given(st.text() | st.text('distgen_pushes_total{command="publish",catalogue="images"} 1.e+\n'))
def test_any_earlier_file_is_borne(text):
    check(families(earlier=parse_earlier(text, OWN)))


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-5", "1e300", "9" * 400, "0x10", "1 1795329825"])
def test_values_that_are_none_are_passed_by(value):
    text = f'distgen_pushes_total{{command="publish",catalogue="images"}} {value}\n'
    assert parse_earlier(text, OWN) == EarlierMetrics()


def test_metrics_of_others_in_the_file_are_not_taken_over():
    text = families(FACTS, own=(("command", "status"), ("catalogue", "images")))
    assert parse_earlier(text, OWN) == EarlierMetrics()
    assert parse_earlier(families(), OWN).last_success == FACTS.ended


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b"\xff\0" * 9)])
def test_what_lies_at_the_place_of_the_file_does_no_harm(published, tmp_path, make):
    root, _ = published
    path = tmp_path / "strange"
    make(path)
    done = distgen(root, "publish", "--metrics", path)
    assert done.code == (2 if path.is_dir() else 0)
    if path.is_file():
        check(path.read_text())


def test_links_at_the_place_of_the_file_lead_nobody_astray(published, tmp_path):
    """Two that lead to each other once ended a run with a traceback, after all was pushed."""
    root, path = published
    (tmp_path / "ring").symlink_to("ring")
    done = distgen(root, "publish", "--metrics", tmp_path / "ring")
    assert (done.code, done.err) == (0, "nothing changed: 2 branches are as the catalogue says\n")
    check((tmp_path / "ring").read_text())
    (tmp_path / "link").symlink_to(path)
    assert distgen(root, "publish", "--metrics", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert samples(path.read_text())["distgen_runs_total",] == 2


def test_a_catalogue_in_a_folder_with_any_name_has_metrics(published, tmp_path):
    root, path = published
    strange = root.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b'/im\xff"a\\g\re\ns')))
    assert "is not an address" in distgen(strange, "status", "--metrics", path).err
    check(path.read_text())
    assert ("catalogue", 'im "a\\g e\ns') in sample_labels(path.read_text())


# --- details -----------------------------------------------------------------------------------


def test_edits_that_are_gone_do_not_wait_and_those_from_the_future_are_from_now():
    earlier = EarlierMetrics(edits_since={("ns/app", "main"): 1e9, ("ns/old", "main"): 7.0})
    facts = RunFacts(0, 160.5, 1, [result("refused"), result("updated", "ns/old", ())], {}, {})
    found = samples(families(facts, earlier))
    assert {key: value for key, value in found.items() if key[0] == EDITS_SINCE} == {
        (EDITS_SINCE, "ns/app", "main"): 160.5
    }


@pytest.mark.parametrize(
    ("status", "waits"), [("refused", True), ("unchanged", True), ("retired", False)]
)
def test_an_edit_waits_until_it_is_taken_over(status, waits):
    assert is_waiting(result(status)) is waits
    assert not is_waiting(result(status, edits=()))


def test_each_second_belongs_to_the_stage_whose_step_it_led_to():
    clock = iter([0.0, 3.0, 5.0, 6.0, 7.0, 8.0])
    measurements = Measurements(lambda: next(clock))
    measurements("waiting", {"detail": "a lock"})
    measurements("started", {})
    measurements("planned", {})
    measurements("pushing", {"attempt": 1})
    measurements("pushing", {"attempt": 2})
    assert measurements.end() == 8.0
    assert measurements.stages == {"read": 3.0, "plan": 2.0, "publish": 3.0}
    assert measurements.counts == {
        "distgen_runs": 1,
        "distgen_pauses": 1,
        "distgen_pushes": 1,
        "distgen_push_retries": 1,
    }


def test_alerts_of_the_page_are_about_metrics_that_there_are():
    (text,) = [block.text for block in blocks(PAGE) if block.caption == "distgen-alerts.yml"]
    (group,) = yaml.safe_load(text)["groups"]
    facts = RunFacts(0, 9, 1, [result("refused")], {"read": 1}, {}, 5.0)
    names = check(families(facts, EarlierMetrics(1.0)))
    names |= {f"{name}_total" for name in names}
    assert len(group["rules"]) >= 6
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Distgen[A-Z]\w+", rule["alert"])
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        used = set(re.findall(r"\bdistgen_\w+", rule["expr"]))
        assert used
        assert used <= names
    documented = set(re.findall(r"^(?:``\w+``, )*``(distgen_\w+)", PAGE.read_text(), re.MULTILINE))
    assert documented <= names
