"""The plan of a run: what is to do, what the store has, what it takes by past records."""

import harness
from harness.runs.estimate import duration
from harness.runs.execute import Place
from harness.runs.planning import planned, summary

CELLS = ["digits-exp10-clean", "digits-balanced-clean"]


def test_a_plan_counts_what_the_store_has_and_goes_by_past_costs(tmp_path):
    folder = tmp_path / "submissions"
    (folder / "quick").mkdir(parents=True)
    (folder / "quick" / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "nearest-mean"\n'
    )
    place = Place("digits-v1", tmp_path / "store", folder)
    (before,) = planned(["quick"], place, cells=CELLS, seeds=[0])
    assert (before.jobs, before.kept, before.seconds) == (2, 0, None)
    assert "Measure one job with: tailmark run quick" in before.basis
    assert not (tmp_path / "store").exists()
    plans = []
    where = {"store": place.store, "submissions": folder, "processes": 1}
    where["expected"] = lambda found: plans.append((list(found), summary(found)))
    made = harness.run("quick", cells=CELLS[:1], seeds=[0], **where)
    (((plan,), words),) = plans
    assert (plan.jobs, plan.kept, plan.seconds) == (1, 0, None)
    assert words == "1 job to do: the time of 1 entry is not known."
    took = made[0].record.cost[0]["wall_seconds"]
    (after,) = planned(["quick"], place, cells=CELLS, seeds=[0])
    assert (after.jobs, after.kept, after.basis) == (2, 1, "its record of 1 jobs")
    assert abs(after.seconds - took) < 1e-6 * took
    harness.run("quick", cells=CELLS, seeds=[0], **where)
    ((plan,), words) = plans[1]
    assert (plan.jobs, plan.kept, plan.basis) == (2, 1, "its record of 1 jobs")
    assert plan.seconds == after.seconds
    assert words == (
        f"1 job to do: about {duration(plan.seconds)} in one process, {plan.memory / 1e9:.1f} GB "
        "of memory a process; 1 more is kept."
    )
    (all_there,) = planned(["quick"], place, cells=CELLS[:1], seeds=[0])
    assert (all_there.kept, all_there.seconds, all_there.basis) == (1, 0.0, "all in the store")
