rule train:
    input:
        inputs("train"),
    output:
        **outputs("train"),
    log:
        "logs/{study}/train/{block}.log",
    benchmark:
        "results/{study}/timing/train/{block}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("train"),
        at_once=AT_ONCE,
    params:
        **parameters("train"),
    shell:
        "python -m pipeline train --study {wildcards.study} --block {wildcards.block}"
        " --at-once {resources.at_once} > {log} 2>&1"
