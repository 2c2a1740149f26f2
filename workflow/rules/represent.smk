rule represent:
    input:
        inputs("represent"),
    output:
        **outputs("represent"),
    log:
        "logs/{study}/represent/{run}.log",
    benchmark:
        "results/{study}/timing/represent/{run}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("represent"),
    params:
        **parameters("represent"),
    shell:
        "python -m pipeline represent --study {wildcards.study} --run {wildcards.run} > {log} 2>&1"
