"""Foreign code and foreign deserialisers, in a process of their own (docs/sandbox.md).

Use::

    from harness.models.sandbox.programs import Program, Sandbox, predict

    program = Program(
        "harness.models.loaders.torchscript:open_inside",  # called inside, as f(files, **arguments)
        num_classes=10,
        files={"model.pt": path},                          # all that can be read of the user's
        arguments={"name": "model.pt"},
    )
    output = predict(program, inputs)                      # Output: kind, values (n, C), features

    with Sandbox(program) as sandbox:                      # one process, many batches
        output = sandbox(batch)                            # or hand sandbox.model to a pass

The function returns inside whatever `harness.models.obtain.plain.as_model` takes: a function of a
batch, a torch module in evaluation mode, a fitted estimator. Inputs go in through shared memory,
plain arrays come back through a pipe and are checked as hostile: type, shape, size, NaN. What the
code prints is kept for messages and never shown as ours. Whatever passes a limit, ends without an
answer or answers otherwise than agreed becomes a `SandboxError`; what the code raises a sentence.

`trainers` runs a trainer's configure, fit and restore the same way. `backends.chosen()` says which
sandbox this machine has; ``None``: such code is refused unless the user trusts it.
"""
