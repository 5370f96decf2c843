rule report:
    """The results table, with the receipts behind it."""
    input:
        stages.inputs("report"),
    output:
        stages.outputs("report"),
    log:
        ".work/logs/report/{study}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("report", "threads")
    resources:
        mem_mb=stages.memory("report"),
        runtime=stages.resource("report", "runtime"),
    params:
        cmd=stages.cmd("report"),
        values=stages.values("report"),
        code=stages.code("report"),
        sources=stages.sources("report"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"
