"""Tables, verdicts and the page."""

import numpy as np
import pytest
from PIL import Image

from reporting import claims, page, plots, readme, tables
from training.run import Run, RunError, read_json, write_json
from training.settings import Settings


def make_run(folder, variant="blog", seed=0, error=1.0, data="digits"):
    run = Run.open("gmu", variant, Settings(runs_dir=str(folder), seed=seed), data)
    environment = {"commit": "abc", "dirty": False, "hardware": "4 x CPU", "versions": {"keras": "3"}}
    write_json(run.path / "environment.json", {**environment, "data": {"checksum": "f00", "title": "digits"}})
    run.finish(None, {"test/error_percent": error}, {"test": 9}, [{"epoch": 1, "seconds": 2.0}])
    return run


@pytest.fixture
def rows(tmp_path):
    runs = [make_run(tmp_path, "blog", seed, 1.0 + 0.1 * seed) for seed in range(3)]
    runs += [make_run(tmp_path, "best", seed, 0.5 + 0.11 * seed) for seed in range(3)]
    return tables.summarise(runs, "python compare.py gmu")


def test_rows_have_mean_sd_and_values_over_seeds(rows):
    blog = rows[0]
    assert (blog["variant"], blog["data"], blog["seeds"], blog["epochs"], blog["commit"]) == (
        "blog",
        "digits",
        [0, 1, 2],
        1,
        "abc",
    )
    assert blog["metrics"]["test/error_percent"] == {
        "mean": pytest.approx(1.1),
        "sd": pytest.approx(0.1),
        "values": [1.0, 1.1, 1.2],
    }
    assert tables.cell(blog, "test/error_percent") == "1.10 ± 0.10"
    assert tables.cell(blog, "missing") == "-"
    same = {"metrics": {"m": {"mean": 143890.0, "sd": 1e-9, "values": {"0": 143890.0, "1": 143890.0}}}}
    assert tables.cell(same, "m") == "143890 ± 0"


def test_a_damaged_run_is_named_and_left_out(tmp_path, capsys):
    good, bad = make_run(tmp_path), make_run(tmp_path, seed=1)
    (bad.path / "result.json").write_text('{"metr')
    assert tables.summarise([good, bad], "")[0]["seeds"] == [0]
    assert str(bad.path) in capsys.readouterr().out


def test_results_are_merged_by_variant_and_data(tmp_path, rows):
    path = tmp_path / "results.json"
    tables.save_results("gmu", rows, path)
    newer = [{**rows[0], "epochs": 7}]
    tables.save_results("gmu", newer, path)
    saved = read_json(path)
    assert [(row["variant"], row["epochs"]) for row in saved["rows"]] == [("best", 1), ("blog", 7)]


def test_seeds_are_added_to_a_row_of_the_same_settings_only(tmp_path, rows):
    path = tmp_path / "results.json"
    tables.save_results("gmu", rows, path)
    more = tables.summarise([make_run(tmp_path / "more", "blog", seed, 2.0 + seed) for seed in (2, 4)], "again")[0]
    tables.save_results("gmu", [{**more, "commit": "def"}], path, add=True)
    blog = tables.read_results(path)[1]
    assert blog["seeds"] == [0, 1, 2, 4] and blog["commit"] == "abc, def" and blog["command"] == "again"
    assert blog["metrics"]["test/error_percent"]["values"] == [1.0, 1.1, 4.0, 6.0]  # the new run of seed 2
    assert blog["metrics"]["test/error_percent"]["mean"] == pytest.approx(3.025)
    assert "seed" not in blog["settings"] and blog["settings"]["batch_size"] == 128
    batches = {"settings": {**more["settings"], "batch_size": 64}}
    for name, value, other in (("batch_size", 128, batches), ("epochs", 1, {"epochs": 2})):
        with pytest.raises(RunError, match=f"the same {name} for blog on digits: {value} in"):
            tables.save_results("gmu", [{**more, **other}], path, add=True)
    assert tables.read_results(path)[1] == blog
    known_since = {**more, "settings": {**more["settings"], "flip": False}}
    assert tables.add_seeds(blog, known_since)["settings"]["flip"] is False
    with pytest.raises(RunError, match="the same flip for blog on digits: None in"):
        tables.add_seeds(blog, {**more, "settings": {**more["settings"], "flip": True}})
    with pytest.raises(RunError, match="the same settings for blog on digits: unknown in"):  # an older version's row
        tables.add_seeds({name: part for name, part in blog.items() if name != "settings"}, more)
    tables.save_results("gmu", [more], path)
    assert tables.read_results(path)[1]["seeds"] == [2, 4]


def test_readme_tables_come_from_results(tmp_path, rows):
    tables.save_results("gmu", rows, tmp_path / "gmu" / "results.json")
    text = "before\n<!-- results: method=gmu metrics=test/error_percent variants=best -->\nold\n<!-- end -->\nafter\n"
    rendered = tables.render_readme(text, tmp_path)
    assert "0.61 ± 0.11" in rendered and "blog" not in rendered and "old" not in rendered
    assert rendered.startswith("before\n") and rendered.endswith("after\n")
    assert tables.render_readme(rendered, tmp_path) == rendered
    gap = tables.render_readme(text.replace("variants=best", "variants=blog,other"), tmp_path)
    other = next(line for line in gap.splitlines() if line.startswith("| other"))
    assert "1.10 ± 0.10" in gap and [word.strip() for word in other.split("|")[2:-1]] == ["-", "0", "-", "-", "-"]
    assert "Not run yet." in tables.render_readme(text.replace("method=gmu", "method=capsnet"), tmp_path)


def test_benchmark_tables_show_what_was_asked_for():
    rows = [
        {"benchmark": "loop", "name": "step", "ratio": 1.234, "ours": 1234.5, "baseline": 1000.4, "unit": "images/s"},
        {"benchmark": "other", "name": "else", "ratio": 1.0, "ours": 1.0, "baseline": 1.0, "unit": "ms"},
    ]
    rows = [{**row, "hardware": "4 x AMD EPYC with AVX2, CPU"} for row in rows]
    *_, line = readme.benchmarks_table(rows, ["loop"]).splitlines()
    assert [word.strip() for word in line.split("|")[1:-1]] == [
        "step",
        "1.23",
        "1,234",
        "1,000",
        "images/s",
        "4 x AMD EPYC with AVX2",
    ]
    assert "else" not in readme.benchmarks_table(rows, ["loop"])


def test_paired_p_against_scipy_and_its_edges():
    from scipy import stats

    left, right = np.array([1.0, 1.1, 1.3]), np.array([0.9, 1.05, 1.0])
    assert tables.paired_p(list(left - right)) == pytest.approx(stats.ttest_rel(left, right).pvalue)
    assert tables.paired_p([1.0]) is None and tables.paired_p([0.0, 0.0]) == 1.0 and tables.paired_p([0.5, 0.5]) == 0.0


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (claims.number("blog", "digits", "test/error_percent", 1.15, 0.1, "lower"), "replicated"),
        (claims.number("blog", "digits", "test/error_percent", 2.0, 0.1, "lower"), "exceeded"),
        (claims.number("blog", "digits", "test/error_percent", 2.0, 0.1, "higher"), "not replicated"),
        (claims.number("blog", "digits", "test/error_percent", 2.0, 0.1, "same"), "not replicated"),
        (claims.number("other", "digits", "test/error_percent", 2.0, 0.1, "same"), "not run"),
        (claims.at_least("blog", "digits", "test/error_percent", 1.1 - 1e-9), "replicated"),
        (claims.at_least("blog", "digits", "test/error_percent", 1.2), "not replicated"),
        (claims.at_most("blog", "digits", "test/error_percent", 1.2), "replicated"),
        (claims.at_most("blog", "digits", "test/error_percent", 1.2, significantly=True), "inconclusive"),
        (claims.at_most("blog", "digits", "test/error_percent", 5.0, significantly=True), "replicated"),
        (claims.at_least("blog", "digits", "test/error_percent", 5.0, significantly=True), "not replicated"),
        (claims.better_than(("best", "digits"), ("blog", "digits"), "test/error_percent", "lower"), "replicated"),
        (claims.better_than(("blog", "digits"), ("best", "digits"), "test/error_percent", "lower"), "not replicated"),
        (
            claims.better_than(("best", "digits"), ("blog", "digits"), "test/error_percent", "lower", margin=0.48),
            "inconclusive",
        ),
        (claims.better_than(("best", "digits"), ("blog", "mnist"), "test/error_percent", "lower"), "not run"),
        (
            claims.better_than(("best", "digits"), ("blog", "digits"), "test/error_percent", "lower", factor=0.1),
            "not replicated",
        ),
        (
            claims.better_than(("blog", "digits"), ("best", "digits"), "test/error_percent", "lower", factor=5.0),
            "replicated",
        ),
        (claims.exact(lambda: (True, 3), "test"), "replicated"),
        (claims.exact(lambda: (False, 3), "test"), "not replicated"),
        (claims.not_testable("an opinion"), "not testable"),
    ],
)
def test_verdicts(rows, check, verdict):
    assert check(claims.Evidence("gmu", rows)).verdict == verdict


def test_what_an_exact_check_draws_is_the_same_every_time():
    import keras

    check = claims.exact(lambda: (True, np.asarray(keras.random.normal((3,))).tolist()), "test")
    assert check(claims.Evidence("gmu", [])).measured == check(claims.Evidence("gmu", [])).measured


def test_the_page_links_its_pictures_and_is_escaped(tmp_path, rows):
    claim = claims.Claim("gmu-x", "A <b>post</b>", "x < y", 1.0, "%", "how", claims.exact(lambda: (True, 1.5), "here"))
    entry = claims.judge(claim, claims.Evidence("gmu", rows))
    run = make_run(tmp_path / "drawn")
    run.write_metrics([{"epoch": 1, "train/loss": 1.0, "validation/loss": 2.0}])
    plots.draw(run, {"loss": plots.learning_curves, "nothing": lambda run: None})
    assert [path.name for path in (run.path / "figures").iterdir()] == ["loss.png"]
    pictures = page.collect_figures(tmp_path / "drawn", ["gmu"], tmp_path / "results")
    path = page.write(tmp_path / "results", [entry], {"gmu": rows}, pictures)
    text = path.read_text()
    assert "x &lt; y" in text and "<b>post</b>" not in text and "1.10 ± 0.10" in text
    assert (tmp_path / "results" / pictures[0].src).exists() and f'src="{pictures[0].src}"' in text
    assert "http://" not in text and "https://" not in text
    assert "seed 0" in pictures[0].caption and "digits" in pictures[0].caption
    page.copy_figures(pictures, tmp_path / "figures")
    assert (tmp_path / "figures" / "gmu" / "loss_blog-digits.png").stat().st_size > 1000


def test_image_rows_show_each_row_on_one_scale(tmp_path):
    red = np.broadcast_to([1.0, 0.0, 0.0], (1, 4, 4, 3))
    rows = {"a": np.full((3, 4, 4, 1), 0.25), "b": np.ones((2, 4, 4)), "c": red}
    figure = plots.image_rows(rows, titles=["0", "1", "2"])
    (axis,) = figure.axes
    picture = np.asarray(axis.images[0].get_array())
    assert picture.shape == (3 * 4 + 2 * 2, 3 * 4 + 2 * 2, 3)
    assert (picture[:4, :4] == 0.75).all() and (picture[:4, 4:6] == 1).all()  # a quarter of the ink; white between
    assert (picture[6:10, :4] == 0).all() and (picture[6:10, 12:] == 1).all()  # all ink; no third image in this row
    assert (picture[12:, :4] == [1, 0, 0]).all()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "1", "2"]
    plots.save(plots.caption(figure, "five pictures"), tmp_path / "rows.png")
    with Image.open(tmp_path / "rows.png") as image:
        assert image.info["Description"] == "five pictures" and image.width > 100


def test_a_comparison_of_single_runs_has_no_p_value():
    one, two = ({"mean": mean, "sd": 0.0, "n": n} for mean, n in ((1.0, 1), (2.0, 3)))
    assert page.short({"first": one, "second": two, "p": None}) == "1 against 2 ± 0 (n = 3)"
    assert page.short({"first": two, "second": two, "p": 0.04}).endswith(", p = 0.04")
    assert page.short(one | {"p": None}) == "1"


@pytest.mark.parametrize(
    ("values", "expected", "verdict"),
    [([70.0, 71.0, 72.0], 71.5, "replicated"), ([70.0, 71.0, 72.0], 80.0, "not replicated"),
     ([70.0, 71.0, 72.0], 60.0, "exceeded"), ([58.0, 72.0, 66.0], 74.25, "inconclusive"), ([70.0], 70.0, "not run")],
)  # fmt: skip
def test_a_documents_single_run_against_the_prediction_interval_of_ours(values, expected, verdict):
    """By hand: mean 71, sd 1, t(.975, 2) = 4.3027, half width 4.3027 x sqrt(4/3) = 4.9683."""
    row = {"variant": "v", "data": "d", "seeds": list(range(len(values))), "metrics": {"m": {"values": values}}}
    outcome = claims.one_of_our_runs("v", "d", "m", expected, 5.0)(claims.Evidence("gmu", [row]))
    assert outcome.verdict == verdict
    if values[0] == 70.0 and len(values) == 3:
        assert outcome.measured["interval"] == pytest.approx([66.0317, 75.9683], abs=1e-4)
