rule train:
    input:
        inputs("train"),
    output:
        **outputs("train"),
    log:
        "logs/{study}/train/{run}.log",
    benchmark:
        "results/{study}/timing/train/{run}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("train"),
    params:
        **parameters("train"),
    shell:
        "python -m pipeline train --study {wildcards.study} --run {wildcards.run} > {log} 2>&1"
