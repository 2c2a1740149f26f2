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
        "python -m pipeline summarise --study {wildcards.study} > {log} 2>&1"


rule judge:
    input:
        "results/{study}/metrics.json",
        ledger="configs/claims.yaml",
    output:
        "results/{study}/verdicts.json",
    log:
        "logs/{study}/judge.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        figures=list(PLAN.study.figures),
        code=PLAN.stage_code("judge"),
    shell:
        "python -m pipeline judge --study {wildcards.study} > {log} 2>&1"


rule report:
    input:
        FIGURES,
        TABLES,
        SUMMARIES,
        "results/{study}/metrics.json",
        "results/{study}/verdicts.json",
        captions=CAPTIONS,
        published=PUBLISHED,
        page="pipeline/pages/templates/report.html.j2",
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
        "python -m pipeline report --study {wildcards.study} > {log} 2>&1"


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
        "python -m pipeline track --study {wildcards.study} > {log} 2>&1"
