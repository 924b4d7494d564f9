"""Faults that were found once by trying, kind by kind, each with the test that keeps it closed.

A list of what was tried and failed is worth little when nobody can see that it was dealt with. Here
every fault has the name of its test, ``file::function`` or ``file::function[case]``; this module
fails where one of them is gone. What they are about is said in ``docs/scale.md``.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

TRUST = {
    "an address of evidence gave a tier": "records/test_bad_records::an_address_alone_gives",
    "a share of 7.5 was ranked": "records/test_bad_records::a_forged_record[value of 7.5]",
    "no jobs at all": "records/test_bad_records::a_forged_record[empty jobs]",
    "a cell that the suite lacks": "records/test_bad_records::a_forged_record[cell 999]",
    "cells in another order": "records/test_bad_records::a_forged_record[reordered cells]",
    "a record under another entry's name": "records/test_bad_records::a_row_is_not_hijacked",
    "a card of another entry": "records/test_bad_records::a_damaged_record[card of another]",
    "an edited record of the store was ranked": "cli/test_bad_rankings::an_edited_record_in",
    "a forged number kept its tier": "records/test_bad_records::what_was_recomputed_says_nothing",
    "it was submitted": "cli/test_commands::rescoring_corrects_a_record",
    "rescoring left a wrong number": "cli/test_commands::rescoring_corrects_a_record",
    "submitting wrote through a link": "records/test_submit::nothing_is_written_through_a_link",
    "a recipe outside of its folder": "cli/test_check::each_mistake_on_a_card[a recipe outside]",
    "--trust stopped at the first card": "runs/test_own_method::trust_reaches_the_card_of_a_parent",
    "a name with an escape": "records/test_bad_records::a_forged_record[a name with an escape]",
    "a name of Markdown": "records/test_bad_records::a_forged_record[a cell of markup]",
    "a page fetched an image": "leaderboard/test_bad_input::a_page_of_an_entry_shows",
    "escapes reached a terminal": "cli/test_output::an_escape_in_a_card_never_reaches",
}
SILENT = {
    "a flipped bit was believed": "faults/test_flips::no_flipped_bit_is_believed",
    "metadata without a checksum": "models/store/test_store::every_bit_of_metadata_is_covered",
    "features that are not finite": "models/safe/test_given::each_mistake_in[features not finite]",
    "features beyond float16": "models/safe/test_given::each_mistake_in[features beyond float16]",
    "features of a pass beyond float16": "models/passes/test_predict::features_beyond_float16",
    "integer weights": "cli/test_check::check_says_of_weights[integers]",
    "weights that overflow": "cli/test_check::check_says_of_weights[overflow]",
    "other bits for other batch sizes": "runs/test_batch_sizes::a_record_over_batch_sizes",
    "nothing said why": "records/test_differences::what_is_no_part_of_a_record",
    "another instruction set": "runs/test_identity::the_instructions_that_a_library_may_use",
}
OTHERS = {
    "a trainer raised": "runs/test_own_method::what_goes_wrong_in_a_method[raises]",
    "a trainer ended the process": "runs/test_own_method::what_goes_wrong_in_a_method[exits]",
    "workers outlived their driver": "runs/test_workers::workers_end_with_a_driver_that_is_killed",
    "a record without its arrays": "records/test_bad_records::a_damaged_record[npz missing]",
    "half a record": "records/test_records::nothing_half_written_is_left_behind",
    "what killed processes left": "models/store/test_store::what_a_killed_process_left_is_removed",
    "work done twice by two runs": "faults/test_processes::two_runs_of_the_same_entries",
    "work done twice after kills": "faults/test_processes::records_after_random_kills",
    "the same over trained parents": "faults/test_processes::random_kills_over_entries_that_start",
    "a truncated record": "records/test_bad_records::a_damaged_record[truncated json]",
    "no base variant": "records/test_bad_records::a_forged_record[no base variant]",
    "a ragged grid": "records/test_bad_records::a_forged_record[ragged grid]",
    "another suite": "records/test_bad_records::a_forged_record[other suite hash]",
    "a pipe as record": "records/test_bad_records::a_damaged_record[a pipe]",
    "a name of markup": "records/test_bad_records::a_forged_record[a name of markup]",
    "one card with a nan": "cli/test_check::one_bad_card_stops_neither_check_nor_list_nor_run",
    "compare, claims, conformance": "records/test_bad_records::a_damaged_record_stops_neither",
    "the board": "leaderboard/test_reading::a_damaged_record_leaves_its_own_entry_out",
    "four writers of one thing": "models/store/test_store::four_processes_may_write",
    "only committed": "cli/test_bad_rankings::an_entry_that_is_only_committed",
}
CRASHES = {
    "nan on a card": "cli/test_check::each_mistake_on_a_card[nan]",
    "infinity": "cli/test_check::each_mistake_on_a_card[infinity]",
    "a date": "cli/test_check::each_mistake_on_a_card[a date]",
    "a nul byte": "cli/test_check::each_mistake_on_a_card[a nul byte]",
    "a path of 5,000 characters": "cli/test_check::each_bad_path_on_a_card[5,000 characters]",
    "a loop of links": "cli/test_check::each_bad_path_on_a_card[a loop of links]",
    "nesting": "cli/test_check::each_mistake_on_a_card[nested lists]",
    "dots": "cli/test_check::each_mistake_on_a_card[a dotted key]",
    "6,000 digits": "cli/test_check::each_mistake_on_a_card[6,000 digits]",
    "6,000 digits among reruns": "records/test_bad_records::a_broken_line_of_the_rerun_list",
    "threads, epochs, widths": "models/methods/test_most::a_setting_above_the_most",
    "a size of -1": "cli/test_check::each_mistake_of_a_model[size -1]",
    "a size of a million": "cli/test_check::each_mistake_of_a_model[size 10^6]",
    "a mean too long": "cli/test_check::each_mistake_of_a_model[mean of another length]",
    "a mean that is nan": "cli/test_check::each_mistake_of_a_model[mean nan]",
    "no crop": "cli/test_check::each_mistake_of_a_model[crop 0]",
    "an unknown setting": "cli/test_check::each_mistake_on_a_card[unknown override]",
    "a missing function": "cli/test_check::each_mistake_on_a_card[missing function]",
    "an encrypted npz": "models/safe/test_predictions::an_encrypted_member",
    "unknown compression": "models/safe/test_predictions::an_unknown_compression",
    "an empty npz": "models/safe/test_predictions::a_truncated_file_is_refused",
    "a bomb": "models/safe/test_predictions::a_bomb_without_a_suite",
    "a nested header": "cli/test_check::a_hostile_file_of_weights[a nested header]",
    "an infinite shape": "cli/test_check::a_hostile_file_of_weights[an infinite shape]",
    "a pipe as table": "cli/test_bad_tables::what_is_no_file_is_refused_without_waiting",
    "a long field": "data/pools/test_table_reading::a_value_may_be_longer",
    "a bomb of pixels": "data/pools/test_decoding::what_cannot_be_decoded[bomb]",
    "a superscript as label": "data/sets/test_image_folders::a_bad_folder[superscript]",
    "two minus signs": "data/sets/test_image_folders::a_bad_folder[two minus]",
    "a label of 10^9": "data/sets/test_image_folders::a_bad_folder[a thousand million]",
    "a name of 300 characters": "data/sets/test_image_folders::a_bad_folder[a name of 300]",
    "Latin-1": "data/sets/test_image_folders::a_bad_folder[latin-1]",
    "pickles in a webdataset": "data/sets/test_own::pickles_inside_a_webdataset",
    "tags of Python in YAML": "data/sets/test_own::tags_of_python_in_the_card",
    "an ASCII locale": "cli/test_output::an_ascii_locale_gets_plain_characters",
    "a full output": "cli/test_output::a_full_disk_is_one_sentence",
    "a closed output": "cli/test_output::a_closed_output_is_no_traceback",
    "a reader that went away": "cli/test_output::a_reader_that_went_away",
    "a deleted folder": "cli/test_output::a_deleted_working_folder",
    "a backend of matplotlib": "cli/test_output::an_unusual_backend_of_matplotlib",
    "a place that cannot be written": "cli/test_output::a_place_that_cannot_be_written",
    "half a file on a full disk": "cli/test_output::a_disk_that_fills_up_leaves_no_half_file",
    "a full disk in a run": "faults/test_processes::a_full_disk_is_one_sentence",
    "no store, said by each job": "cli/test_bad_input::a_store_that_cannot_be_written",
    "our mistake as a sentence": "test_refusals::the_command_line_shows_our_own_mistakes",
    "a batch size of 10^9": "models/passes/test_numerics::wrong_options_have_their_sentence",
    "a damaged database": "tracking/test_mirror::a_damaged_database_is_a_sentence",
    "catching up ended in a traceback": "tracking/test_mirror::a_record_that_is_read_through_its",
    "a server that is away": "tracking/test_mirror::an_unreachable_server_is_found_out_soon",
    "Ctrl-C twice": "faults/test_processes::ctrl_c_twice_is_clean",
}
ACCEPTED = {
    "no processes": "runs/test_executors::what_cannot_be_is_refused",
    "an empty metric": "cli/test_bad_rankings::a_mistake_is_one_sentence[an empty metric]",
    "a seed of -1": "cli/test_data::a_number_that_means_nothing",
    "one class": "data/sets/test_image_folders::a_bad_folder[one class]",
    "equal class names": "data/sets/test_image_folders::a_bad_folder[equal names]",
    "a truth value as format": "cli/test_check::each_mistake_on_a_card[a truth as format]",
    "garbage as keys": "cli/test_check::each_garbage_key_of_predictions",
}
FOREIGN_CODE = {
    "test labels": "models/sandbox/test_trainers::a_trainer_that_walks_the_interpreter",
    "files, sockets, signals, memory": "models/sandbox/test_attacks::an_attack_fails",
    "room, processes, time": "models/sandbox/test_attacks::an_attack_ends_its_process",
    "a replaced evaluation": "models/sandbox/test_trainers::only_the_state_reaches_the_model",
    "an exit without a result": "models/sandbox/test_trainers::a_hostile_trainer[exits well]",
}
CLUSTERS = {
    "Ray that is not there": "runs/test_executors::what_cannot_be_is_refused",
    "Ray of another version": "runs/test_executors::a_cluster_without_a_cpu_or_of_another_version",
    "a node that is killed": "runs/test_executors::a_node_that_is_killed_costs_no_job",
    "its share of a pool": "runs/test_batch_sizes::shares_on_two_nodes",
    "nodes lost for good": "runs/test_executors::jobs_whose_nodes_are_lost_for_good",
    "settings unknown on nodes": "runs/test_executors::a_node_gets_what_is_set_here",
    "MLflow of another version": "tracking/test_mirror::a_database_of_another_version",
    "no MLflow at all": "tracking/test_mirror::what_is_no_server_of_this_version",
    "a server killed": "faults/test_tracking::a_server_killed_in_the_middle",
    "a share without locks": "models/store/test_store::a_file_system_without_locks",
    "two versions on one store": "models/store/test_store::what_a_newer_version_wrote",
    "too little memory for an input": "models/passes/test_predict::one_input_that_does_not_fit",
    "a limit too small for a job": "runs/test_workers::a_lost_worker_costs_its_own_job",
    "a plan of nothing": "runs/test_plan::no_entry_for_a_suite_says_so",
    "no job for workers": "runs/test_workers::no_jobs_need_no_worker",
    "a clock that goes back": "faults/test_processes::a_clock_that_goes_back",
}
KNOWN = {
    "trust": TRUST,
    "wrong values without a word": SILENT,
    "one bad thing takes others down": OTHERS,
    "tracebacks and hangs": CRASHES,
    "accepted without a word": ACCEPTED,
    "what foreign code reached": FOREIGN_CODE,
    "clusters, servers, stores": CLUSTERS,
}
"""Kind → fault → its test: how its name begins behind ``test_``, and the case where it has some."""


@cache
def functions(file: str) -> tuple[list[str], str]:
    text = (TESTS / f"{file}.py").read_text("utf-8")
    found = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return found, text


@pytest.mark.parametrize(
    ("fault", "named"),
    [(f"{kind}: {fault}", named) for kind, rows in KNOWN.items() for fault, named in rows.items()],
)
def test_every_known_fault_has_a_test(fault, named):
    file, _, function = named.partition("::")
    function, _, case = function.partition("[")
    names, text = functions(file)
    assert [name for name in names if name.startswith(f"test_{function}")], named
    assert not case or f'"{case.rstrip("]")}"' in text, named
