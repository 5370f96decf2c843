rule evaluate:
    """Scores and metrics of one network under one protocol."""
    input:
        stages.inputs("evaluate"),
    output:
        stages.outputs("evaluate"),
    log:
        ".work/logs/evaluate/{study}-{run}-{protocol}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("evaluate", "threads")
    resources:
        mem_mb=stages.memory("evaluate"),
        runtime=stages.resource("evaluate", "runtime"),
        gpu=stages.resource("evaluate", "gpu"),
    params:
        cmd=stages.cmd("evaluate"),
        values=stages.values("evaluate"),
        code=stages.code("evaluate"),
        sources=stages.sources("evaluate"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


rule ensemble:
    """Several evaluations of the same videos, averaged."""
    input:
        stages.inputs("ensemble"),
    output:
        stages.outputs("ensemble"),
    log:
        ".work/logs/ensemble/{study}-{run}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("ensemble", "threads")
    resources:
        mem_mb=stages.memory("ensemble"),
        runtime=stages.resource("ensemble", "runtime"),
    params:
        cmd=stages.cmd("ensemble"),
        values=stages.values("ensemble"),
        code=stages.code("ensemble"),
        sources=stages.sources("ensemble"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"
