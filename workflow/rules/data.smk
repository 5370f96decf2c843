# Videos to frames: videos -> inventory -> shards -> manifest.
# The folders of videos that lie outside are listed when Snakemake starts, without a job.


rule render:
    """The videos of the built-in benchmark."""
    input:
        stages.inputs("render"),
    output:
        stages.outputs("render"),
    log:
        ".work/logs/render/{benchmark}.log",
    wildcard_constraints:
        benchmark=stages.names("render", "benchmark"),
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("render", "threads")
    resources:
        mem_mb=stages.memory("render"),
        runtime=stages.resource("render", "runtime"),
    params:
        cmd=stages.cmd("render"),
        values=stages.values("render"),
        code=stages.code("render"),
        sources=stages.sources("render"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


rule annotate:
    """Published annotation files as annotations and classes of ours."""
    input:
        stages.inputs("annotate"),
    output:
        stages.outputs("annotate"),
    log:
        ".work/logs/annotate/{benchmark}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("annotate", "threads")
    resources:
        mem_mb=stages.memory("annotate"),
        runtime=stages.resource("annotate", "runtime"),
    params:
        cmd=stages.cmd("annotate"),
        values=stages.values("annotate"),
        code=stages.code("annotate"),
        sources=stages.sources("annotate"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


checkpoint inventory:
    """A row a video, and the plan: which shard each video goes to. A checkpoint: which plans changed is known after it."""
    input:
        stages.inputs("inventory"),
    output:
        stages.outputs("inventory"),
    log:
        ".work/logs/inventory/{benchmark}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("inventory", "threads")
    resources:
        mem_mb=stages.memory("inventory"),
        runtime=stages.resource("inventory", "runtime"),
    params:
        cmd=stages.cmd("inventory"),
        values=stages.values("inventory"),
        code=stages.code("inventory"),
        sources=stages.sources("inventory"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


rule extract:
    """The frames of the videos of one shard."""
    input:
        stages.inputs("extract", after=checkpoints.inventory),
    output:
        stages.outputs("extract"),
    log:
        ".work/logs/extract/{benchmark}-{shard}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("extract", "threads")
    resources:
        mem_mb=stages.memory("extract"),
        runtime=stages.resource("extract", "runtime"),
    params:
        cmd=stages.cmd("extract"),
        values=stages.values("extract"),
        code=stages.code("extract"),
        sources=stages.sources("extract"),
        parts=stages.parts("extract"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"


rule manifest:
    """The train, val and test lists, and what was excluded."""
    input:
        stages.inputs("manifest"),
    output:
        stages.outputs("manifest"),
    log:
        ".work/logs/manifest/{benchmark}.log",
    conda:
        "../envs/gsf.yaml"
    threads: stages.resource("manifest", "threads")
    resources:
        mem_mb=stages.memory("manifest"),
        runtime=stages.resource("manifest", "runtime"),
    params:
        cmd=stages.cmd("manifest"),
        values=stages.values("manifest"),
        code=stages.code("manifest"),
        sources=stages.sources("manifest"),
    shell:
        "{params.cmd} 2>&1 | tee {log}"
