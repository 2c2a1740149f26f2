rule tune:
    input:
        inputs("tune"),
    output:
        **outputs("tune"),
    log:
        "logs/{study}/tune/{cell}.log",
    benchmark:
        "results/{study}/timing/tune/{cell}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("tune"),
    params:
        **parameters("tune"),
    shell:
        "python -m pipeline tune --study {wildcards.study} --cell {wildcards.cell} > {log} 2>&1"
