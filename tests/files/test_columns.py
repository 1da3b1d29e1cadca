"""Which column holds which quantity."""

import pytest

from scaling_cli.errors import InputError, UsageError
from scaling_cli.files.columns import Columns, normalise, recognise


def columns_of(header: str, **named: str) -> Columns:
    return recognise(tuple(header.split(",")), named, "runs.csv")


def refusal_of(header: str, **named: str) -> tuple[str, str | None]:
    with pytest.raises(InputError) as caught:
        columns_of(header, **named)
    return caught.value.message, caught.value.hint


def test_case_and_separators_do_not_matter() -> None:
    assert normalise("Training_FLOP") == normalise("training flop") == normalise("Training/FLOP")


@pytest.mark.parametrize(
    ("header", "quantity"),
    [
        *((name, "params") for name in ("N", "n", "params", "parameters", "num_params", "n_params")),
        *((name, "params") for name in ("parameter_count", "model_size", "Model Size", "size", "N_total")),
        *(
            (name, "params")
            for name in ("N_no_emb", "params_no_embed", "non_vocab_parameters", "params_active")
        ),
        *((name, "tokens") for name in ("D", "n_tokens", "num_tokens", "Training Tokens", "train_tokens")),
        *((name, "tokens") for name in ("total_tokens", "tokens_trained", "samples_seen")),
        *(
            (name, "flops")
            for name in ("C", "flop", "compute", "Training FLOP", "total_flops", "train_flops")
        ),
        *((name, "flops") for name in ("compute_budget", "budget", "total_gflops", "gflops")),
        *((name, "loss") for name in ("L", "final_loss", "val_loss", "valid_loss", "validation_loss")),
        *((name, "loss") for name in ("eval_loss", "eval/loss", "val/loss", "train/loss", "lm_loss")),
    ],
)
def test_names_in_the_wild_are_recognised(header: str, quantity: str) -> None:
    table = {"params": "params", "tokens": "tokens", "loss": "loss"}
    if quantity == "flops":
        del table["tokens"]
    table[quantity] = header
    assert columns_of(",".join(table.values())).get(quantity) == header


def test_optional_columns_are_recognised() -> None:
    names = columns_of("N,D,loss,Run ID,_step,State,schedule_tokens,U,cluster,simulated").names
    assert names == {
        "params": "N",
        "tokens": "D",
        "loss": "loss",
        "run_id": "Run ID",
        "step": "_step",
        "state": "State",
        "schedule_tokens": "schedule_tokens",
        "unique_tokens": "U",
        "cluster": "cluster",
        "simulated": "simulated",
    }


def test_total_params_are_preferred_and_the_definition_is_kept() -> None:
    total = columns_of("params_active,N_no_emb,N,D,loss")
    assert (total.get("params"), total.params_definition) == ("N", "total")
    assert columns_of("params_active,N_no_emb,D,loss").params_definition == "non-embedding"
    assert columns_of("params_active,D,loss").params_definition == "active"


def test_a_named_column_keeps_the_definition_its_name_says() -> None:
    assert columns_of("N,N_no_emb,D,loss", params="n no emb").params_definition == "non-embedding"
    assert columns_of("N,size_in_m,D,loss", params="size_in_m").params_definition == "total"


def test_two_columns_for_a_quantity_are_refused() -> None:
    message, hint = refusal_of("N,D,Training Tokens,loss")
    assert message == "runs.csv: two columns for tokens: D, Training Tokens"
    assert hint == "choose one with --column tokens=D"


def test_three_columns_for_a_quantity_are_counted() -> None:
    message, hint = refusal_of("N,D,val loss,train_loss,eval_loss")
    assert message == "runs.csv: 3 columns for loss: val loss, train_loss, eval_loss"
    assert hint == 'choose one with --column "loss=val loss"'


def test_a_named_column_settles_which_of_two_is_meant() -> None:
    assert columns_of("N,D,Training Tokens,loss", tokens="Training Tokens").get("tokens") == "Training Tokens"


def test_a_budget_alone_stands_for_the_flops() -> None:
    columns = columns_of("N,budget,loss")
    assert (columns.get("flops"), columns.get("budget")) == ("budget", "budget")


def test_a_budget_beside_flops_is_the_budget() -> None:
    columns = columns_of("N,budget,flops,loss")
    assert (columns.get("flops"), columns.get("budget")) == ("flops", "budget")


def test_gflops_have_their_unit() -> None:
    assert columns_of("N,total_gflops,loss").units["flops"].size == 1e9
    assert columns_of("N,flops,loss").units == {}


@pytest.mark.parametrize(
    ("column", "quantity", "unit"),
    [
        ("params (M)", "params", 1e6),
        ("params_M", "params", 1e6),
        ("params_millions", "params", 1e6),
        ("Model Size [billion]", "params", 1e9),
        ("params in M", "params", 1e6),
        ("N (1e6)", "params", 1e6),
        ("tokens (B)", "tokens", 1e9),
        ("tokens_B", "tokens", 1e9),
        ("D (T)", "tokens", 1e12),
        ("compute (PF-days)", "flops", 8.64e19),
        ("compute_pf_days", "flops", 8.64e19),
        ("train_tflops", "flops", 1e12),
        ("flops (zettaFLOPs)", "flops", 1e21),
    ],
)
def test_a_unit_in_a_name_is_read_with_the_quantity(column: str, quantity: str, unit: float) -> None:
    header = {"params": "N", "tokens": "D", "loss": "loss"} | {quantity: column}
    if quantity == "flops":
        del header["tokens"]
    columns = columns_of(",".join(header.values()))
    assert columns.names == header
    assert {name: found.size for name, found in columns.units.items()} == {quantity: unit}


@pytest.mark.parametrize(
    "column", ["d_k", "n_b", "c_m", "gpu_tflops", "tflops", "tokens (GB)", "tokens_per_k"]
)
def test_what_only_looks_like_a_unit_is_none(column: str) -> None:
    columns = columns_of(f"N,D,loss,{column}")
    assert (columns.names, columns.units) == ({"params": "N", "tokens": "D", "loss": "loss"}, {})


def test_a_column_of_plain_counts_comes_before_one_with_a_unit() -> None:
    assert columns_of("params (M),params,D,loss").get("params") == "params"


def test_a_named_column_keeps_its_unit_where_its_name_says_the_quantity() -> None:
    assert columns_of("N,params_M,D,loss", params="params_M").units["params"].size == 1e6
    assert columns_of("N,D,steps_x_b,loss", tokens="steps_x_b").units == {}
    assert columns_of("N,D,seen (B),loss", tokens="seen (B)").units["tokens"].size == 1e9


def test_of_two_losses_the_one_on_held_out_data_is_suggested() -> None:
    assert refusal_of("N,D,train/loss,eval/loss")[1] == "choose one with --column loss=eval/loss"


def test_name_and_id_say_which_run_only_in_a_table_of_steps() -> None:
    assert columns_of("N,D,loss,name").get("run_id") is None
    assert columns_of("N,D,loss,name,step").get("run_id") == "name"
    # the number of steps a run took does not make a table of steps
    assert columns_of("N,D,loss,name,steps").get("run_id") is None


def test_a_missing_column_is_named_with_what_was_found() -> None:
    message, hint = refusal_of("N,loss,steps")
    assert message == "runs.csv: no column for tokens or flops (found: N, loss, steps)"
    assert hint == 'name it with --column tokens=steps, or rename it to "tokens"'


def test_the_column_that_is_named_alike_is_suggested() -> None:
    message, hint = refusal_of("tokens_per_param,my_params,batch_size,D,loss")
    assert message.startswith("runs.csv: no column for params (found: ")
    assert hint == 'name it with --column params=my_params, or rename it to "params"'


def test_all_that_is_missing_is_named() -> None:
    message, _ = refusal_of("a,b")
    assert message == (
        "runs.csv: no column for params, none for tokens or flops, none for loss (found: a, b)"
    )


def test_a_file_without_a_header_is_told_so() -> None:
    assert refusal_of("1e9,2e10,2.9")[0] == "runs.csv: the first line holds numbers, not the names of columns"


def test_bits_per_byte_are_no_loss_until_they_are_named() -> None:
    message, hint = refusal_of("N,D,val_bpb")
    assert message == "runs.csv: no column for loss: val_bpb is bits per byte, not nats per token"
    assert hint == "name it with --column loss=val_bpb: the law is then in bits per byte"
    assert columns_of("N,D,val_bpb", loss="val_bpb").loss_unit == "bits per byte"


def test_perplexity_is_no_loss() -> None:
    message, hint = refusal_of("N,D,val/ppl")
    assert message == "runs.csv: no column for loss: val/ppl is perplexity, not nats per token"
    assert hint == "add a column loss with the natural logarithm of val/ppl"


def test_a_named_column_that_is_not_there_is_refused() -> None:
    message, hint = refusal_of("N,steps_x_batch,loss", tokens="step_x_batch")
    assert message == (
        "runs.csv: --column tokens=step_x_batch names no column (found: N, steps_x_batch, loss)"
    )
    assert hint == "did you mean --column tokens=steps_x_batch?"


def test_a_quantity_there_is_not_is_wrong_usage() -> None:
    with pytest.raises(UsageError) as caught:
        columns_of("N,D,loss", token="D")
    assert caught.value.message == "--column: no quantity is called 'token'"
    assert caught.value.hint == "did you mean tokens=D?"


def test_a_quantity_named_by_nothing_is_not_read() -> None:
    assert columns_of("N,D,C,loss", tokens="").names == {"params": "N", "flops": "C", "loss": "loss"}


@pytest.mark.parametrize(
    ("header", "unread", "said"),
    [
        ("N,D,loss", ["tokens"], 'tokens left unread ("")'),
        ("N,D,C,loss", ["tokens", "flops"], 'tokens and flops left unread ("")'),
        ("N,D,loss", ["loss"], 'loss left unread ("")'),
        ("N,D,loss", ["params"], 'params left unread ("")'),
    ],
)
def test_what_runs_cannot_do_without_is_not_left_unread(header: str, unread: list[str], said: str) -> None:
    message, hint = refusal_of(header, **dict.fromkeys(unread, ""))
    assert message == f"runs.csv: {said}, but runs need params, loss, and one of tokens and flops"
    assert hint == f"name a column for {unread[0]}, or drop the empty one and it is found by its name"
