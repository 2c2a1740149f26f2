rule represent:
    input:
        inputs("represent"),
    output:
        **outputs("represent"),
    log:
        "logs/{study}/represent/{block}.log",
    benchmark:
        "results/{study}/timing/represent/{block}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("represent"),
    params:
        **parameters("represent"),
    shell:
        "python -m pipeline represent --study {wildcards.study} --block {wildcards.block} > {log} 2>&1"
