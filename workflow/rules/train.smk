# Networks: trained here, or trained elsewhere and converted. Both write to the same place; the run tells which.


rule train:
    """One network, trained once."""
    input:
        stages.inputs("train"),
    output:
        stages.outputs("train"),
    log:
        ".work/logs/train/{study}-{run}.log",
    wildcard_constraints:
        run=stages.names("train", "run"),
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("train", "threads")
    resources:
        mem_mb=stages.memory("train"),
        runtime=stages.resource("train", "runtime"),
        gpu=stages.resource("train", "gpu"),
        nodes=1,  # several: see docs/cluster.md
    params:
        cmd=stages.cmd("train"),
        values=stages.values("train"),
        code=stages.code("train"),
        sources=stages.sources("train"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


rule convert:
    """One network that was trained elsewhere, as a checkpoint of ours."""
    input:
        stages.inputs("convert"),
    output:
        stages.outputs("convert"),
    log:
        ".work/logs/convert/{study}-{run}.log",
    wildcard_constraints:
        run=stages.names("convert", "run"),
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("convert", "threads")
    resources:
        mem_mb=stages.memory("convert"),
        runtime=stages.resource("convert", "runtime"),
    params:
        cmd=stages.cmd("convert"),
        values=stages.values("convert"),
        code=stages.code("convert"),
        sources=stages.sources("convert"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"
