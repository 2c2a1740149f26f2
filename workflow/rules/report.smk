rule summarise:
    input:
        inputs("summarise"),
    output:
        **outputs("summarise"),
    log:
        "logs/{study}/summarise.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        **parameters("summarise"),
    shell:
        "python -m pipeline summarise --study {wildcards.study} > {log} 2>&1"


rule judge:
    input:
        inputs("judge"),
    output:
        **outputs("judge"),
    log:
        "logs/{study}/judge.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        **parameters("judge"),
    shell:
        "python -m pipeline judge --study {wildcards.study} > {log} 2>&1"


rule report:
    input:
        inputs("report"),
    output:
        **outputs("report"),
    log:
        "logs/{study}/report.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        **parameters("report"),
    shell:
        "python -m pipeline report --study {wildcards.study} > {log} 2>&1"


rule track:
    input:
        inputs("track"),
    output:
        **outputs("track"),
    log:
        "logs/{study}/track.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        **parameters("track"),
    shell:
        "python -m pipeline track --study {wildcards.study} > {log} 2>&1"
