"""compare.py and reproduce.py as a user runs them."""

import json
import types

import numpy as np
import pytest

import compare
import reproduce
from commands import jobs
from commands.jobs import Job
from reporting import claims, ledgers, side_by_side
from reporting.methods import METHODS, part
from training.run import Run, RunError, write_json
from training.settings import Settings, SettingsError


def module(name, *variants):
    settings = Settings(data="digits")
    return types.SimpleNamespace(__name__=name, VARIANTS={variant: ("text", settings) for variant in variants})


def test_compare_and_reproduce_as_a_user_runs_them(command, tmp_path, capsys):
    runs, out = tmp_path / "runs", tmp_path / "out"
    flags = ["--", "--epochs", "2", "--samples", "50"]
    arguments = [
        "compare.py",
        "gmu",
        "--variants",
        "blog",
        "best",
        "--seeds",
        "0",
        "1",
        "--runs-dir",
        runs,
        "--out",
        out,
    ]
    first = command(*arguments, *flags, check=0)
    assert "4 runs to do" in first.stdout and "| blog" in first.stdout and "paired t-test p" in first.stdout
    assert (out / "gmu.csv").read_text().count("\n") == 3 and "best" in (out / "gmu.md").read_text()
    damaged = runs / "gmu" / "blog" / "synthetic" / "seed1"  # named, skipped and kept
    (damaged / "result.json").write_text('{"half')
    compare.main(list(map(str, [*arguments[1:], *flags])))
    again = capsys.readouterr().out
    assert "0 runs to do" in again and "4 finished" in again
    assert f"skipped {damaged}" in again and "| blog" in again
    assert (damaged / "result.json").read_text() == '{"half'
    other = ["gmu", "--variants", "blog", "--seeds", "0", "--runs-dir", str(runs), "--out", str(tmp_path / "other")]
    with pytest.raises(SystemExit) as exit_:  # no row of two epochs in a table of one
        compare.main([*other, "--", "--epochs", "1", "--samples", "50"])
    said = capsys.readouterr()
    assert exit_.value.code == 1 and "has 2 epochs already, --epochs is 1" in said.err and "| blog" not in said.out

    done = command("reproduce.py", "--only", "gmu", "--size", "committed", "--out", out, "--runs-dir", runs, check=0)
    entries = json.loads((out / "claims.json").read_text())
    assert entries and {entry["verdict"] for entry in entries} <= {*claims.VERDICTS, *ledgers.GOAL_VERDICTS}
    assert f"Open {out / 'index.html'}" in done.stdout
    reproduce.main(["--only", "gmu", "--list"])
    assert entries[0]["id"] in capsys.readouterr().out


def test_variants_are_chosen_across_methods():
    first, second = module("gmu.train", "blog", "best"), module("corrnet.train", "blog", "deep")
    assert len(compare.choose([first, second], ())) == 4
    assert compare.choose([first, second], ("deep", "gmu:blog")) == [(second, "deep"), (first, "blog")]
    with pytest.raises(SettingsError, match="ambiguous 'blog'"):
        compare.choose([first, second], ("blog",))
    with pytest.raises(SettingsError, match=r"unknown variant 'bets' \(did you mean best\?\)"):
        compare.choose([first], ("bets",))


def test_a_job_lists_seeds_flags_and_sizes():
    job = Job("gmu.train", "best", "synthetic", (0, 1), full=("--epochs", "9"), quick=("--epochs", "1"), minutes=2)
    full, quick = job.tasks("full", "runs"), job.tasks("quick", "runs_quick")
    assert [task.arguments[4] for task in full] == ["0", "1"] and full[0].arguments[-2:] == ["--epochs", "9"]
    assert len(quick) == 1 and quick[0].arguments[-2:] == ["--epochs", "1"]
    assert str(quick[0].run.path) == "runs_quick/gmu/best/synthetic/seed0"
    assert Job("gmu.train", "best", "synthetic", quick=None).tasks("quick", "runs") == []


def test_quick_runs_on_part_of_the_data_are_judged_for_all_of_it():
    metrics = {"test/error_percent": {"values": [0.5], "mean": 0.5, "sd": 0.0}}
    row = {"variant": "paper", "data": "mnist-1000", "seeds": [0], "metrics": metrics}
    check = claims.at_most("paper", "mnist", "test/error_percent", 0.6)
    assert check(claims.Evidence("capsnet", [row])).verdict == "not run"
    assert check(claims.Evidence("capsnet", [row], any_amount=True)).verdict == "replicated"
    elsewhere = claims.at_most("paper", "fashion_mnist", "test/error_percent", 0.6)
    assert elsewhere(claims.Evidence("capsnet", [row], any_amount=True)).verdict == "not run"


def test_the_estimate_is_that_of_this_machine_and_a_failure_is_named_while_others_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jobs.Task, "execute", lambda task, jobs: "broken" if "1" in task.arguments else None)
    monkeypatch.setattr(jobs.os, "cpu_count", lambda: 2)
    tasks = Job("gmu.train", "best", "synthetic", (0, 1, 2), minutes=2).tasks("full", str(tmp_path))
    assert jobs.execute_all(tasks, 2, backend="threading") == ["broken"]
    printed = capsys.readouterr().out
    assert "3 runs to do (about 12 min), 0 finished already" in printed
    assert printed.count("done") == 2 and f"FAILED {tmp_path / 'gmu/best/synthetic/seed1'}" in printed


def test_results_of_another_schema_are_refused(tmp_path):
    from reporting.tables import read_results

    write_json(tmp_path / "results.json", {"rows": [{"variant": "blog"}]})
    with pytest.raises(RunError, match="another schema"):
        read_results(tmp_path / "results.json")


def test_a_method_that_fails_is_a_row_and_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    good = claims.Claim("gmu-good", "post", "holds", "equal", "", "how", claims.exact(lambda: (True, 1), "here"))
    bad = claims.Claim("corrnet-bad", "post", "breaks", "equal", "", "how", claims.exact(lambda: 1 / 0, "here"))
    modules = {
        "gmu": types.SimpleNamespace(CLAIMS=[good], RUNS=[]),
        "corrnet": types.SimpleNamespace(CLAIMS=[bad], RUNS=[]),
    }
    monkeypatch.setattr(reproduce, "part", lambda method, _: modules.get(method))
    reproduce.main(["--out", str(tmp_path), "--runs-dir", str(tmp_path / "runs"), "--size", "full"])
    entries = {entry["id"]: entry for entry in json.loads((tmp_path / "claims.json").read_text())}
    assert entries["gmu-good"]["verdict"] == "replicated"
    assert entries["corrnet-failed"]["verdict"] == "not run" and "division" in entries["corrnet-failed"]["measured"]
    assert "division" in (tmp_path / "index.html").read_text()


def test_ids_of_claims_are_unique_and_every_check_judges_without_results():
    seen = set()
    for method in METHODS:
        ledger = part(method, "claims")
        for claim in ledger.CLAIMS if ledger else ():
            assert claim.id.startswith(f"{method}-") and claim.id not in seen
            seen.add(claim.id)
            assert claim.source and claim.claim
            assert claim.how or claim.check(claims.Evidence(method, [])).verdict == "not testable"
        modules = {job.module for job in ledger.RUNS} if ledger else ()
        for job in ledger.RUNS if ledger else ():
            for size in ("quick", "full"):
                for task in job.tasks(size, "runs"):
                    assert task.run.path.parts[1] == method, "a job's flags must parse"
        assert all(name.startswith(method) for name in modules)


def test_curves_have_a_band_and_a_line_per_variant(tmp_path):
    runs = []
    for variant in ("blog", "best"):
        for seed in range(2):
            run = Run.open("gmu", variant, Settings(runs_dir=str(tmp_path), seed=seed), "digits")
            run.write_metrics([{"epoch": e, "validation/loss": seed + 1 / e} for e in (1, 2)])
            runs.append(run)
    figure = side_by_side.curves(runs)
    (axis,) = figure.axes
    assert [line.get_label() for line in axis.lines] == ["blog, digits (n = 2)", "best, digits (n = 2)"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [1.5, 1.0])
    assert len(axis.collections) == 2


def test_seeds_that_their_row_cannot_take_are_refused_before_they_are_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["densenet", "--variants", "fixed", "--seeds", "1", "--data", "digits", "--save", "--add"]
    options = compare.Compare(methods=("densenet",), data=("digits",), seeds=(0,))
    task = compare.make_tasks(compare.choose([compare.find_module("densenet")], ("fixed",)), options, ())[0]
    settings = compare.tables.recorded(task.settings[1].as_json())
    row = {"variant": "fixed", "data": "digits", "epochs": task.settings[1].epochs, "settings": settings, "seeds": [0]}
    write_json(tmp_path / "densenet/results.json", {"rows": [{**row, "metrics": {}, "command": "", "commit": ""}]})
    trained = []
    monkeypatch.setattr(jobs, "execute_all", lambda tasks, *_: trained.extend(tasks) or ["stopped here"])
    monkeypatch.setattr(compare, "report", lambda *_: None)
    for flag, was in (("batch-size", settings["batch_size"]), ("epochs", row["epochs"])):
        with pytest.raises(SystemExit):
            compare.main([*arguments, "--", f"--{flag}", "7"])
        said = f"needs the same {flag.replace('-', '_')} for fixed on digits: {was} in results.json, now 7"
        assert said in capsys.readouterr().err and not trained
    for more in ([], ["--", "--batch-size", "7", "--tag", "small"]):  # the same settings; a row of its own
        with pytest.raises(SystemExit):
            compare.main([*arguments, *more])
        assert "stopped here" in capsys.readouterr().err and len(trained) == 1
        trained.clear()
