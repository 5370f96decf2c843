rule train:
    """One network, trained once."""
    input:
        stages.inputs("train"),
    output:
        stages.outputs("train"),
    log:
        ".work/logs/train/{study}-{run}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("train", "threads")
    resources:
        mem_mb=stages.resource("train", "mem_mb"),
        runtime=stages.resource("train", "runtime"),
        gpu=stages.resource("train", "gpu"),
    params:
        cmd=stages.cmd("train"),
        values=stages.values("train"),
        code=stages.code("train"),
        sources=stages.sources("train"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"
