rule summarise:
    input:
        TABLES,
    output:
        "results/{study}/metrics.json",
    log:
        "logs/{study}/summarise.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=PLAN.settings_hash(),
        code=PLAN.stage_code("summarise"),
    shell:
        "python -m pipeline.summarise --study {wildcards.study} > {log} 2>&1"


rule report:
    input:
        FIGURES,
        TABLES,
        SUMMARIES,
        "results/{study}/metrics.json",
        captions=CAPTIONS,
        page="pipeline/templates/report.html.j2",
    output:
        "results/{study}/report.html",
    log:
        "logs/{study}/report.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=PLAN.settings_hash(),
        code=PLAN.stage_code("report"),
    shell:
        "python -m pipeline.report --study {wildcards.study} > {log} 2>&1"


rule track:
    input:
        FIGURES,
        TABLES,
        "results/{study}/metrics.json",
    output:
        "results/{study}/tracked.json",
    log:
        "logs/{study}/track.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=PLAN.settings_hash(),
        code=PLAN.stage_code("track"),
    shell:
        "python -m pipeline.track --study {wildcards.study} > {log} 2>&1"
